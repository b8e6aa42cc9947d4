//! What the classic builder identifies files by: moby's tarsum, version 1: the header without its times, and the
//! content. It stands in history as `file:…` and decides about the cache: `touch` keeps it, `chmod` does not.

use crate::image::hex;
use crate::image::tar::{Entry, Kind};
use sha2::{Digest as _, Sha256};

/// moby `pkg/tarsum/versioning.go`, `v1TarHeaderSelect`. `owner_names` are `root`, `root` for files of an image, and
/// empty in a context, whose client leaves them out.
pub(super) fn file(entry: &Entry, in_image: bool) -> String {
    let (type_bits, flag, link) = match &entry.kind {
        Kind::Dir => (0o040_000, '5', ""),
        Kind::Symlink { target } => (0o120_000, '2', target.as_str()),
        Kind::CharDevice { .. } => (0o020_000, '3', ""),
        Kind::BlockDevice { .. } => (0o060_000, '4', ""),
        Kind::Fifo => (0o010_000, '6', ""),
        _ => (0o100_000, '0', ""),
    };
    let slash = if entry.kind == Kind::Dir { "/" } else { "" };
    let root = in_image && entry.uid == 0 && entry.gid == 0;
    let owner = if root { "root" } else { "" };
    let header = [
        ("name", format!("{}{slash}", entry.path)),
        ("mode", (type_bits | entry.mode).to_string()),
        ("uid", entry.uid.to_string()),
        ("gid", entry.gid.to_string()),
        ("size", entry.size_bytes().to_string()),
        ("typeflag", flag.to_string()),
        ("linkname", link.to_owned()),
        ("uname", owner.to_owned()),
        ("gname", owner.to_owned()),
        ("devmajor", "0".to_owned()),
        ("devminor", "0".to_owned()),
    ];
    let mut hash = Sha256::new();
    for (key, value) in header {
        hash.update(key);
        hash.update(value);
    }
    hash.update(&*entry.data);
    hex(&hash.finalize())
}

/// `dir:…` or `multi:…`: the parts' sums, joined by commas.
pub(super) fn joined(prefix: &str, sums: &[String]) -> String {
    format!("{prefix}:{}", hex(&Sha256::digest(sums.join(","))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_that_docker_s_history_shows() {
        // Recorded with Docker 20.10.24: COPY a.txt, COPY exe, COPY empty, COPY a.txt b.txt, COPY --from=0 /a.
        let a = file(&Entry::file("a.txt", 0o644, "aa\n"), false);
        assert_eq!(a, "3fc4c4f43f5a9ac0d7e295c6d00b1093f5b403dc81ca94924be405912739f444");
        let exe = file(&Entry::file("exe", 0o755, "#!/bin/sh\n"), false);
        assert_eq!(exe, "f4f2c8a741b927478d532fb9110b727ca480d75577c65d765c0ad8111e9b1970");
        let empty = joined("dir", &[file(&Entry::dir("empty", 0o755), false)]);
        assert_eq!(empty, "dir:c119f8279604970b6b54f7f3b02026538a53d3b076e0204eadd6d29a1fe0c1af");
        let b = file(&Entry::file("b.txt", 0o644, "bb\n"), false);
        let both = joined("multi", &[format!("file:{a}"), format!("file:{b}")]);
        assert_eq!(both, "multi:cbb136dc030ed17fa782df6354ef592020fe5b48c8e72d648e0adc9d0561f0a3");
        let from = file(&Entry::file("a", 0o644, "a\n"), true);
        assert_eq!(from, "4f79ed3bc08cc1dc3c9b85e5249b0dad0a92a4da32e272c4a13021fbc28bf3ca");
    }

    #[test]
    fn a_sum_ignores_time_and_nothing_else() {
        let entry = Entry::file("a", 0o644, "x");
        let same = file(&Entry { mtime_s: 7, ..entry.clone() }, false);
        assert_eq!(file(&entry, false), same);
        for other in [
            Entry { mode: 0o755, ..entry.clone() },
            Entry { uid: 1, ..entry.clone() },
            Entry::file("a", 0o644, "y"),
            Entry::file("b", 0o644, "x"),
        ] {
            assert_ne!(file(&entry, false), file(&other, false));
        }
    }
}
