//! The container of `node-runtime run` as an OCI bundle (runtime-spec, config.md), so that other runtimes can start the
//! same one: they are what ours is measured against, and its judges.

use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::Path;
use toolbox::run::Limits;
use toolbox::sandbox::{paths, power};

/// By number, from 0 on: linux/capability.h.
const CAPABILITIES: [&str; 32] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
];
const NAMESPACES: [&str; 6] = ["pid", "network", "ipc", "uts", "mount", "cgroup"];

/// What of a container two runtimes can be asked for in the same words.
#[derive(Clone, Copy, Debug)]
pub struct Container<'a> {
    pub rootfs: &'a Path,
    pub args: &'a [&'a str],
    pub hostname: &'a str,
    pub read_only: bool,
    pub limits: Limits,
}

impl Container<'_> {
    /// Writes `config.json` into a directory.
    pub fn bundle(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        fs::write(directory.join("config.json"), self.config().to_string())
    }

    /// The words after `node-runtime run` that start the same.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec!["--hostname".to_owned(), self.hostname.to_owned()];
        let Limits { memory_bytes, cpu_milli, pids } = self.limits;
        words.extend(memory_bytes.map(|bytes| format!("--memory={bytes}")));
        words.extend(cpu_milli.map(|milli| format!("--cpus={}.{:03}", milli / 1000, milli % 1000)));
        words.extend(pids.map(|pids| format!("--pids-limit={pids}")));
        words.extend(self.read_only.then(|| "--read-only".to_owned()));
        words.push(self.rootfs.display().to_string());
        words.extend(self.args.iter().map(|&word| word.to_owned()));
        words
    }

    fn config(&self) -> Value {
        let held: Vec<String> = CAPABILITIES
            .iter()
            .enumerate()
            .filter(|(number, _)| power::DOCKER & (1 << number) != 0)
            .map(|(_, name)| format!("CAP_{name}"))
            .collect();
        let namespaces: Vec<Value> = NAMESPACES.iter().map(|kind| json!({ "type": kind })).collect();
        let mount = |target: &str, kind: &str, options: &[&str]| json!({ "destination": target, "type": kind, "source": kind, "options": options });
        let mut resources = json!({});
        if let Some(bytes) = self.limits.memory_bytes {
            resources["memory"] = json!({ "limit": bytes });
        }
        if let Some(milli) = self.limits.cpu_milli {
            resources["cpu"] = json!({ "quota": milli * 100, "period": 100_000 });
        }
        if let Some(pids) = self.limits.pids {
            resources["pids"] = json!({ "limit": pids });
        }
        json!({
            "ociVersion": "1.0.2",
            "hostname": self.hostname,
            "root": { "path": self.rootfs, "readonly": self.read_only },
            "process": {
                "terminal": false,
                "user": { "uid": 0, "gid": 0 },
                "args": self.args,
                "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "cwd": "/",
                "noNewPrivileges": true,
                "capabilities": { "bounding": held, "effective": held, "permitted": held },
            },
            "mounts": [
                mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
                mount("/dev", "tmpfs", &["nosuid", "mode=755", "size=64k"]),
                mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
                mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=64m"]),
            ],
            "linux": {
                "namespaces": namespaces,
                "resources": resources,
                "maskedPaths": paths::MASKED,
                "readonlyPaths": paths::READ_ONLY,
            },
        })
    }
}

/// Runtimes that take bundles, where one is installed; crun refuses a machine with both versions of control groups,
/// unless it does not see the second ([`without_unified`]).
pub const PEERS: [&str; 2] = ["crun", "runc"];

/// A mount namespace in which the version 2 hierarchy beside version 1 is not mounted.
pub fn without_unified() -> io::Result<std::os::fd::OwnedFd> {
    let made = std::thread::spawn(|| -> toolbox::os::Result<std::os::fd::OwnedFd> {
        use toolbox::os;
        os::unshare(libc::CLONE_NEWNS)?;
        os::mount("none", "/", "", libc::MS_REC | libc::MS_PRIVATE, "")?;
        // Not there on a machine with one version only.
        let _ = os::umount("/sys/fs/cgroup/unified", libc::MNT_DETACH);
        os::open("/proc/thread-self/ns/mnt", libc::O_RDONLY, 0)
    });
    let made = made.join().unwrap_or(Err(libc::EIO));
    made.map_err(io::Error::from_raw_os_error)
}
