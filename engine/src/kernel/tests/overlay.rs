use super::*;

fn old(entry: Entry) -> Entry {
    Entry { mtime_s: 1_000, uid: 5, gid: 6, ..entry }
}

fn lower() -> Vec<Entry> {
    vec![
        old(Entry::dir("d", 0o750)),
        old(Entry::file("d/f", 0o640, "old")),
        old(Entry::dir("d/e", 0o755)),
        old(Entry::file("d/e/g", 0o644, "g")),
        Entry::dir("big", 0o755),
        Entry::file("h1", 0o644, "hard"),
        Entry::hardlink("h2", "h1", 0o644),
        Entry::symlink("s", "h1"),
    ]
}

fn machine() -> (Machine, Tid) {
    let mut m = Machine::boot();
    let tid = m.in_container(&[lower()]);
    (m, tid)
}

/// O1.
#[test]
fn reading_copies_nothing_and_opening_for_writing_copies_all() {
    let (mut m, tid) = machine();
    assert_eq!(m.read_file(tid, "/d/f"), "old");
    m.call(tid, Sys::Access { path: "/d/f".into(), mode: 2 });
    assert!(m.upper().is_empty());
    let both = OpenFlags { write: true, ..OpenFlags::READ };
    m.fd(tid, "/d/f", both);
    assert_eq!(m.upper(), ["/d dir", "/d/f file"]);
    let copied = Happening::CopiedUp { path: "/d/f".into(), layer: 2, size_bytes: 3 };
    assert_eq!(m.happened(), [&copied]);
}

/// O1: O_TRUNC copies no data up.
#[test]
fn truncating_copies_no_data() {
    let (mut m, tid) = machine();
    m.fd(tid, "/d/f", OpenFlags { create: false, ..OpenFlags::CREATE });
    assert_eq!(m.happened(), [&Happening::CopiedUp { path: "/d/f".into(), layer: 2, size_bytes: 0 }]);
    assert_eq!(m.stat(tid, "/d/f").size_bytes, 0);
}

/// O2: what is copied keeps owner, mode and time, and so do the directories that lead to it.
#[test]
fn copy_up_keeps_owner_mode_and_time() {
    let (mut m, tid) = machine();
    let before = (m.stat(tid, "/d"), m.stat(tid, "/d/f"));
    m.fd(tid, "/d/f", OpenFlags { write: true, ..OpenFlags::READ });
    assert_eq!((m.stat(tid, "/d"), m.stat(tid, "/d/f")), before);
    assert_eq!(before.1.mtime_s, 1_000);
    // Only what changes the directory itself changes its time.
    m.write_file(tid, "/d/new", "");
    assert_eq!(m.stat(tid, "/d").mtime_s, crate::call::SCENARIO_EPOCH_S);
}

/// O1: with metacopy off a chmod copies the data.
#[test]
fn chmod_chown_and_utimens_copy_up() {
    for change in [
        Sys::Chmod { path: "/d/f".into(), mode: 0o600 },
        Sys::Chown { path: "/d/f".into(), uid: Some(1), gid: None, follow: true },
        Sys::Utimens { path: "/d/f".into(), mtime_s: Some(7), follow: true },
        Sys::Truncate { path: "/d/f".into(), len: 1 },
    ] {
        let (mut m, tid) = machine();
        assert_eq!(m.call(tid, change.clone()), Ret::Ok);
        assert_eq!(m.upper(), ["/d dir", "/d/f file"], "{change:?}");
    }
    let (mut m, tid) = machine();
    m.call(tid, Sys::Chown { path: "/s".into(), uid: Some(1), gid: None, follow: false });
    assert_eq!(m.upper(), ["/s symlink"]);
}

/// O2, O3: a copied-up hard link is alone; a descriptor opened before reads what is written after.
#[test]
fn copy_up_breaks_hard_links_and_old_descriptors_see_new_data() {
    let (mut m, tid) = machine();
    assert_eq!(m.stat(tid, "/h1").nlink, 2);
    let before = m.fd(tid, "/h1", OpenFlags::READ);
    m.write_file(tid, "/h1", "changed");
    assert_eq!((m.read_file(tid, "/h1").as_str(), m.read_file(tid, "/h2").as_str()), ("changed", "hard"));
    assert_eq!((m.stat(tid, "/h1").nlink, m.stat(tid, "/h2").nlink), (1, 2));
    assert_eq!(m.read(tid, before), "changed");
}

/// O4, and the same steps made on a real overlay of 6.18.
#[test]
fn removing_leaves_one_whiteout_for_what_lies_below_and_nothing_for_the_rest() {
    let (mut m, tid) = machine();
    m.write_file(tid, "/d/own", "x");
    assert_eq!(m.call(tid, rmdir("/d/e")), err(Errno::ENOTEMPTY));
    m.table(tid, &[(unlink("/d/own"), Ret::Ok), (unlink("/d/f"), Ret::Ok)]);
    assert_eq!(m.upper(), ["/d dir", "/d/f whiteout"]);
    assert!(m.happened().contains(&&Happening::WhitedOut { path: "/d/f".into(), layer: 2 }));
    assert_eq!(m.names(tid, "/d"), ["e"]);
    m.table(tid, &[(unlink("/d/e/g"), Ret::Ok), (rmdir("/d/e"), Ret::Ok), (rmdir("/d"), Ret::Ok)]);
    assert_eq!(m.upper(), ["/d whiteout"]);
    assert_eq!(m.open(tid, "/d/f", OpenFlags::READ), err(Errno::ENOENT));
}

/// O4.
#[test]
fn a_directory_over_a_whiteout_is_opaque_and_a_fresh_one_is_not() {
    let (mut m, tid) = machine();
    m.call(tid, mkdir("/fresh"));
    m.table(tid, &[(rmdir("/big"), Ret::Ok), (mkdir("/big"), Ret::Ok)]);
    assert_eq!(m.upper(), ["/big opaque", "/fresh dir"]);
    assert!(m.happened().contains(&&Happening::MadeOpaque { path: "/big".into() }));
    m.write_file(tid, "/big/x", "");
    m.table(tid, &[(unlink("/big/x"), Ret::Ok), (rmdir("/big"), Ret::Ok)]);
    assert_eq!(m.upper(), ["/big whiteout", "/fresh dir"]);
    m.write_file(tid, "/big", "now a file");
    assert_eq!(m.upper(), ["/big file", "/fresh dir"]);
    m.call(tid, unlink("/big"));
    assert_eq!(m.upper(), ["/big whiteout", "/fresh dir"]);
}

/// O5; a directory that moves into a merged one is made opaque even if nothing lies below (seen on 6.18).
#[test]
fn only_directories_that_are_wholly_upper_can_move() {
    let (mut m, tid) = machine();
    m.table(
        tid,
        &[
            (rename("/big", "/big2"), err(Errno::EXDEV)),
            (rename("/d/e", "/d/e2"), err(Errno::EXDEV)),
            (mkdir("/n"), Ret::Ok),
            (mkdir("/n/sub"), Ret::Ok),
            (rename("/n/sub", "/n/sub2"), Ret::Ok),
        ],
    );
    assert_eq!(m.upper(), ["/n dir", "/n/sub2 dir"]);
    m.call(tid, rename("/n/sub2", "/etc/sub"));
    m.call(tid, rename("/n", "/big"));
    assert_eq!(m.upper(), ["/big opaque", "/etc dir", "/etc/sub opaque"]);
}

/// O5: renaming a file is a copy-up and a whiteout.
#[test]
fn renaming_a_lower_file_copies_it_and_whites_out_its_name() {
    let (mut m, tid) = machine();
    m.call(tid, rename("/d/f", "/d/f2"));
    assert_eq!(m.upper(), ["/d dir", "/d/f whiteout", "/d/f2 file"]);
    assert_eq!((m.read_file(tid, "/d/f2").as_str(), m.stat(tid, "/d/f2").mtime_s), ("old", 1_000));
    m.call(tid, rename("/d/f2", "/d/f"));
    assert_eq!(m.upper(), ["/d dir", "/d/f file"]);
    m.call(tid, rename("/d/f", "/h1"));
    assert_eq!(m.upper(), ["/d dir", "/d/f whiteout", "/h1 file"]);
}

#[test]
fn a_hard_link_copies_up_and_shares_the_copy() {
    let (mut m, tid) = machine();
    m.call(tid, Sys::Link { from: "/d/f".into(), to: "/f3".into() });
    assert_eq!(m.upper(), ["/d dir", "/d/f file", "/f3 file"]);
    m.write_file(tid, "/f3", "both");
    assert_eq!((m.read_file(tid, "/d/f").as_str(), m.stat(tid, "/d/f").nlink), ("both", 2));
}

/// image-spec layer.md, "Whiteouts": they hide what lower layers have, and are not shown.
#[test]
fn whiteouts_and_opaque_marks_of_layers_hide_what_lies_below() {
    let mut m = Machine::boot();
    let upper = vec![Entry::whiteout("h1"), Entry::opaque("d"), Entry::dir("d", 0o755), Entry::file("d/n", 0o644, "n")];
    let tid = m.in_container(&[lower(), upper]);
    assert_eq!(m.names(tid, "/d"), ["n"]);
    assert_eq!(m.open(tid, "/h1", OpenFlags::READ), err(Errno::ENOENT));
    // No lower file is seen, so no whiteout is needed.
    m.write_file(tid, "/h1", "again");
    m.call(tid, unlink("/h1"));
    assert!(m.upper().is_empty());
    let facts = m.facts(&["/h1", "/d/f", "/d/n", "/etc/motd", "/h2"]);
    let from = |file: &str| facts[&crate::fact::path(["container", "c1", "file", file, "from"])].to_string();
    assert_eq!(from("/h1"), "whiteout");
    assert_eq!(from("/d/f"), "nothing");
    assert_eq!(from("/d/n"), "layer 3");
    assert_eq!(from("/etc/motd"), "layer 1");
    assert_eq!(from("/h2"), "layer 2");
}

/// O7.
#[test]
fn two_containers_share_layers_and_never_see_each_other() {
    let mut m = Machine::boot();
    let first = m.in_container(&[lower()]);
    let cid = m.create(2, &[base(), lower()]);
    let second = m.start(Place::Init(cid));
    m.write_file(first, "/d/f", "mine");
    m.call(first, unlink("/h1"));
    assert_eq!((m.read_file(second, "/d/f").as_str(), m.read_file(second, "/h1").as_str()), ("old", "hard"));
}

#[test]
fn an_overlay_of_no_layers_starts_empty() {
    let mut m = Machine::boot();
    let cid = m.create(1, &[]);
    let spec = Machine::spec(&["/dev/.toolbox", "true", "/dev/.toolbox"]);
    let tid = m.try_start(Place::Init(cid), &spec).unwrap();
    assert_eq!(m.names(tid, "/"), ["dev", "proc"]);
}
