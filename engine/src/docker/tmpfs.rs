//! File systems in memory that a container has of its own: `/dev/shm`, and what `--tmpfs PATH[:OPTIONS]` asks for (moby,
//! volume/mounts/linux_parser.go, daemon/oci_linux.go, MergeTmpfsOptions).

use super::Refusal;
use super::namespaces::has_own_shm;
use super::request::ContainerConfig;
use crate::node::{SHM, Tmpfs};

/// runconfig's DefaultShmSize.
pub(super) const SHM_BYTES: i64 = 64 << 20;
/// What tmpfs(5) is passed on.
const PASSED_ON: [&str; 7] = ["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"];

/// `/dev/shm` first, if it has its own, then the others, those nearer to the root before those below them.
pub(super) fn mounts(config: &ContainerConfig) -> Result<Vec<Tmpfs>, Refusal> {
    let shm = Tmpfs {
        target: SHM.to_owned(),
        source: "shm".to_owned(),
        read_only: false,
        exec: false,
        options: format!("mode=1777,size={}k", shm_bytes(config)? >> 10),
    };
    let mut all: Vec<Tmpfs> = Some(shm).filter(|_| has_own_shm(config)).into_iter().collect();
    let mut wanted = config.tmpfs.iter().map(|spec| tmpfs(spec)).collect::<Result<Vec<Tmpfs>, Refusal>>()?;
    wanted.sort_by_key(|tmpfs| tmpfs.target.split('/').filter(|name| !name.is_empty()).count());
    all.extend(wanted);
    Ok(all)
}

pub(super) fn shm_bytes(config: &ContainerConfig) -> Result<i64, Refusal> {
    match config.shm_size {
        0 => Ok(SHM_BYTES),
        size if size < 0 => Err(Refusal::daemon("SHM size can not be less than 0".to_owned())),
        size => Ok(size),
    }
}

fn tmpfs(spec: &str) -> Result<Tmpfs, Refusal> {
    let (target, options) = spec.split_once(':').unwrap_or((spec, ""));
    if !target.starts_with('/') {
        return Err(Refusal::daemon(format!("invalid mount path: '{target}' mount path must be absolute")));
    }
    if target.trim_matches('/').is_empty() {
        return Err(Refusal::daemon("invalid specification: destination can't be '/'".to_owned()));
    }
    let mut tmpfs = Tmpfs {
        target: target.to_owned(),
        source: "tmpfs".to_owned(),
        read_only: false,
        exec: false,
        options: String::new(),
    };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match (option, option.split_once('=')) {
            ("ro", _) => tmpfs.read_only = true,
            ("rw", _) => tmpfs.read_only = false,
            ("exec", _) => tmpfs.exec = true,
            ("noexec", _) => tmpfs.exec = false,
            ("nosuid" | "nodev", _) => {}
            ("suid" | "dev", _) => {
                return Err(Refusal::daemon(format!("--tmpfs with {option} is not simulated: leave it out")));
            }
            (_, Some((name, _))) if PASSED_ON.contains(&name) => {
                tmpfs.options += if tmpfs.options.is_empty() { "" } else { "," };
                tmpfs.options += option;
            }
            _ => return Err(Refusal::daemon(format!("Invalid tmpfs option [\"{option}\"]"))),
        }
    }
    Ok(tmpfs)
}
