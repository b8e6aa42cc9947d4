use super::*;
use crate::sim::{Rng, Stream};

fn golden(name: &str) -> Arc<[u8]> {
    let bytes: &[u8] = match name {
        "ustar" => include_bytes!("../../../tests/goldens/tar/ustar.tar"),
        "gnu" => include_bytes!("../../../tests/goldens/tar/gnu.tar"),
        "gnu-long" => include_bytes!("../../../tests/goldens/tar/gnu-long.tar"),
        _ => include_bytes!("../../../tests/goldens/tar/pax.tar"),
    };
    Arc::from(bytes)
}

fn archive(entries: &[Entry]) -> Arc<[u8]> {
    Arc::from(write(entries))
}

fn sample() -> Vec<Entry> {
    let long = format!("{}/{}/file", "d".repeat(90), "e".repeat(40));
    vec![
        Entry::dir("a", 0o755),
        Entry::file("a/b", 0o4755, "#!/dev/.toolbox ls\n"),
        Entry::hardlink("a/c", "a/b", 0o4755),
        Entry::file("a-b", 0o644, ""),
        Entry::symlink("link", "t".repeat(150)),
        Entry { uid: 4_000_000, ..Entry::file(long, 0o600, vec![7; 513]) },
        Entry::file("n".repeat(200), 0o644, "x"),
    ]
}

#[test]
fn what_is_written_is_read_back_and_written_the_same() {
    let first = archive(&sample());
    let entries = read(&first).unwrap();
    let mut expected = sample();
    expected.sort_by(|a, b| canonical_order(&a.stored_path(), &b.stored_path()));
    assert_eq!(entries, expected);
    assert_eq!(*archive(&entries), *first);
}

#[test]
fn an_empty_layer_has_the_digest_that_every_tool_gives_it() {
    let bytes = write(&[]);
    let known = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
    assert_eq!((bytes.len(), crate::image::Digest::of(&bytes).hex().as_str()), (1024, known));
}

#[test]
fn a_header_has_the_fixed_fields() {
    let bytes = write(&[Entry { uid: 5, gid: 6, ..Entry::dir("srv", 0o40755) }]);
    assert_eq!(&bytes[..5], b"srv/\0");
    assert_eq!(&bytes[100..124], b"0000755\x000000005\x000000006\0");
    assert_eq!(&bytes[124..148], format!("00000000000\0{SCENARIO_EPOCH_S:011o}\0").as_bytes());
    assert_eq!(bytes[156], b'5');
    assert_eq!(&bytes[257..265], b"ustar\x0000");
    assert!(bytes[265..329].iter().all(|&byte| byte == 0), "no user and group names");
    assert_eq!(&bytes[329..345], b"0000000\x000000000\0");
    assert_eq!(bytes.len(), 512 + 1024);
}

#[test]
fn siblings_are_in_byte_order_of_stored_names_and_the_opaque_mark_is_first() {
    let entries = [
        Entry::file("d/zz", 0o644, ""),
        Entry::whiteout("d/aa"),
        Entry::file("d/-", 0o644, ""),
        Entry::opaque("d"),
        Entry::file("d.x", 0o644, ""),
        Entry::dir("d", 0o755),
    ];
    let stored: Vec<String> = read(&archive(&entries)).unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(stored, ["d", "d/.wh..wh..opq", "d/-", "d/.wh.aa", "d/zz", "d.x"]);
}

#[test]
fn a_layer_reads_whiteouts_as_what_they_hide() {
    let entries = [Entry::opaque("etc"), Entry::whiteout("etc/hosts"), Entry::whiteout("tmp"), Entry::opaque("")];
    let read = read_layer(&archive(&entries)).unwrap();
    let read: Vec<(&str, &Kind)> = read.iter().map(|entry| (entry.path.as_str(), &entry.kind)).collect();
    let expected =
        [("", &Kind::Opaque), ("tmp", &Kind::Whiteout), ("etc", &Kind::Opaque), ("etc/hosts", &Kind::Whiteout)];
    assert_eq!(read, expected);
}

#[test]
fn a_whiteout_of_nothing_or_of_the_parent_is_refused() {
    for path in [".wh.", "a/.wh...", "a/.wh..", ".wh..wh.x"] {
        let error = read_layer(&archive(&[Entry::file(path, 0, "")])).unwrap_err();
        assert_eq!(error, TarError::Whiteout(path.to_owned()));
    }
}

#[test]
fn gnu_tar_s_ustar_archive_is_read() {
    let entries = read(&golden("ustar")).unwrap();
    let find = |path: &str| entries.iter().find(|entry| entry.path == path).unwrap();
    assert_eq!(find("bin").kind, Kind::Symlink { target: "usr/bin".to_owned() });
    assert_eq!((&find("etc").kind, find("etc").mode), (&Kind::Dir, 0o1777));
    assert_eq!(&*find("etc/passwd").data, b"root:x:0:0:root:/root:/bin/sh\n");
    assert_eq!(find("usr/bin/ls").kind, Kind::Hardlink { target: "usr/bin/dir".to_owned() });
    assert_eq!((find("usr/bin/dir").mode, find("usr/bin/dir").mtime_s), (0o755, SCENARIO_EPOCH_S));
    assert!(entries.iter().any(|entry| entry.path.len() > 130 && &*entry.data == b"long"));
}

#[test]
fn the_canonical_archive_has_the_blocks_that_gnu_tar_writes() {
    // GNU tar ends numbers alike, but writes the checksum as six digits, NUL, space, and pads to 10 KiB.
    let mut theirs = golden("ustar").to_vec();
    let ours = write(&read(&golden("ustar")).unwrap());
    theirs.truncate(ours.len());
    let mut at = 0;
    while at < theirs.len() - 1024 {
        let sum = [b"0", &theirs[at + 148..at + 154], b"\0"].concat();
        theirs[at + 148..at + 156].copy_from_slice(&sum);
        let size = usize::from_str_radix(std::str::from_utf8(&theirs[at + 124..at + 135]).unwrap(), 8).unwrap();
        at += 512 + size.next_multiple_of(512);
    }
    assert!(theirs == ours, "a block differs");
}

#[test]
fn a_leading_dot_is_dropped_and_the_root_is_left_out() {
    let paths: Vec<String> = read(&golden("gnu")).unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(paths[..3], ["bin", "etc", "etc/passwd"]);
}

#[test]
fn gnu_long_names_and_pax_records_are_read() {
    for name in ["gnu-long", "pax"] {
        let entries = read(&golden(name)).unwrap();
        assert_eq!(entries[0].path, "n".repeat(200), "{name}");
        assert_eq!(entries[1].kind, Kind::Symlink { target: "t".repeat(150) }, "{name}");
    }
    let pax = read(&golden("pax")).unwrap();
    assert_eq!(pax.iter().find(|entry| entry.path == "etc/passwd").unwrap().mtime_s, SCENARIO_EPOCH_S);
}

#[test]
fn a_path_that_climbs_is_refused_and_an_absolute_one_loses_its_slash() {
    let climbing = archive(&[Entry::file("a/../../etc/passwd", 0o644, "")]);
    assert_eq!(read(&climbing), Err(TarError::Escapes("a/../../etc/passwd".to_owned())));
    let link = archive(&[Entry::hardlink("a", "../b", 0o644)]);
    assert_eq!(read(&link), Err(TarError::Escapes("../b".to_owned())));
    assert_eq!(read(&archive(&[Entry::file("//etc/./passwd", 0o644, "")])).unwrap()[0].path, "etc/passwd");
}

#[test]
fn every_truncation_is_an_error_or_a_shorter_archive() {
    let whole = write(&sample());
    let all = sample().len();
    for len in 0..whole.len() - 1024 {
        assert!(read(&Arc::from(&whole[..len])).is_err(), "{len} bytes of {} with {all} entries", whole.len());
    }
}

#[test]
fn one_changed_bit_of_a_header_is_noticed() {
    let whole = write(&sample()[..1]);
    for bit in 0..512 * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let same = read(&Arc::from(&bytes[..])).is_ok_and(|entries| entries == sample()[..1]);
        let changed = read(&Arc::from(bytes)).is_ok_and(|entries| entries != sample()[..1]);
        assert!(!changed, "bit {bit}: same {same}");
    }
}

#[test]
fn random_bytes_and_random_damage_never_panic_and_never_pass_the_bounds() {
    let mut rng = Rng::new(11, Stream::Guests);
    let goldens = ["ustar", "gnu", "gnu-long", "pax"].map(golden);
    let mut accepted = 0;
    for round in 0..2_000_u64 {
        let mut bytes = goldens[round as usize % 4][..8 * BLOCK].to_vec();
        for _ in 0..=rng.below(4) {
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] = rng.next_u64() as u8;
        }
        if round % 2 == 0 {
            fix_checksums(&mut bytes);
        }
        bytes.extend([0; 1024]);
        let archive = Arc::from(bytes);
        for entries in [read(&archive), read_layer(&archive)].into_iter().flatten() {
            accepted += 1;
            assert!(entries.iter().all(|e| !e.path.starts_with('/') && !e.path.split('/').any(|name| name == "..")));
            assert!(entries.iter().map(|e| e.data.len()).sum::<usize>() <= archive.len());
        }
    }
    assert!(accepted > 100, "the damage leaves some archives readable: {accepted}");
}

/// Makes every block that looks like a header valid again, so that damage reaches the fields.
fn fix_checksums(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(BLOCK).filter(|block| &block[257..262] == b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
    }
}

#[test]
fn random_trees_survive_the_round_trip() {
    let mut rng = Rng::new(12, Stream::Guests);
    for _ in 0..100 {
        let mut entries = Vec::new();
        for i in 0..rng.below(20) {
            let depth = rng.below(6) as usize;
            let dirs: String = (0..depth).map(|d| format!("{}/", "x".repeat(1 + (d * 37 + i as usize) % 90))).collect();
            let mut content = vec![0; rng.below(1500) as usize];
            rng.fill(&mut content);
            let mode = rng.below(0o10000) as u32;
            let entry = Entry::file(format!("{dirs}{i}é"), mode, content);
            entries.push(Entry { mtime_s: rng.below(1 << 34) as i64, uid: rng.next_u64() as u32, ..entry });
        }
        let mut expected = entries.clone();
        expected.sort_by(|a, b| canonical_order(&a.path, &b.path));
        assert_eq!(read(&archive(&entries)).unwrap(), expected);
    }
}

#[test]
fn content_is_shared_with_the_archive() {
    let archive = archive(&[Entry::file("a", 0o644, "abc")]);
    let entries = read(&archive).unwrap();
    assert_eq!(entries[0].data.as_ptr(), archive[512..].as_ptr());
}
