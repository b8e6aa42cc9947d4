//! Ways out of a container and out of a node, each tried and each refused; and the machine is afterwards as it was.
//!
//! A container's are typed by a real shell (busybox) that is root in it; a node's by what a learner can type.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What of the machine the ways aim at.
#[derive(Debug, PartialEq, Eq)]
struct Machine {
    settings: Vec<Option<String>>,
    hostname: Option<String>,
    mounts: usize,
    modules: Option<String>,
}

const SETTINGS: [&str; 5] = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/panic",
    "/proc/sys/vm/overcommit_memory",
];

impl Machine {
    fn now() -> Machine {
        let read = |path: &str| fs::read_to_string(path).ok();
        let of_ours = |line: &&str| line.contains("drydock") || line.contains(" - overlay ");
        Machine {
            settings: SETTINGS.into_iter().map(read).collect(),
            hostname: read("/proc/sys/kernel/hostname"),
            mounts: read("/proc/self/mountinfo").unwrap_or_default().lines().filter(of_ours).count(),
            modules: read("/proc/modules").map(|text| text.lines().map(|line| format!("{line:.20}\n")).collect()),
        }
    }
}

fn is_root() -> bool {
    // SAFETY: no memory is passed.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        println!("SKIPPED(a node needs root)");
    }
    root
}

/// What each line typed at a shell answered, and its status.
fn typed(shell: &mut Command, lines: &[String]) -> Vec<(String, i32)> {
    let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut script = String::new();
    for (n, line) in lines.iter().enumerate() {
        script += &format!("{{ {line}; }} 2>&1; echo \"=== {n} $?\"\n");
    }
    // Longer than a pipe holds, perhaps.
    let mut stdin = shell.stdin.take().unwrap();
    let writer = std::thread::spawn(move || drop(stdin.write_all(script.as_bytes())));
    let output = shell.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut rest = text.as_str();
    let answers: Vec<(String, i32)> = (0..lines.len())
        .map_while(|n| {
            let (answer, after) = rest.split_once(&format!("=== {n} "))?;
            let (status, after) = after.split_once('\n')?;
            rest = after;
            Some((answer.to_owned(), status.trim().parse().ok()?))
        })
        .collect();
    assert_eq!(answers.len(), lines.len(), "the shell did not come to its end:\n{text}\n{errors}");
    answers
}

/// None of them may have succeeded.
fn all_refused(ways: &[String], answers: &[(String, i32)]) {
    assert!(ways.len() >= 20, "only {} ways were tried", ways.len());
    for (way, (answer, status)) in ways.iter().zip(answers) {
        println!("{way}\n    {status} {}", answer.trim());
        assert_ne!(*status, 0, "this way is open: {way}\n{answer}");
        // A tool that is not there would prove nothing.
        assert!(!["not found", "usage", "Usage"].iter().any(|word| answer.contains(word)), "{way}\n{answer}");
    }
}

/// A root with Debian's busybox, a device of the machine's disk and a program that gives root.
fn rootfs() -> Option<PathBuf> {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists());
    let Some(busybox) = busybox else {
        println!("SKIPPED(no static busybox here: apt-get install busybox-static)");
        return None;
    };
    let root = std::env::temp_dir().join(format!("drydock-ways-{}", std::process::id()));
    fs::create_dir_all(root.join("bin")).unwrap();
    fs::copy(busybox, root.join("bin/busybox")).unwrap();
    for (name, mode) in [("disk", "b"), ("memory", "c")] {
        let (major, minor) = if mode == "b" { first_disk() } else { ("1".to_owned(), "1".to_owned()) };
        let made = Command::new("mknod").arg(root.join(name)).args([mode, &major, &minor]).status();
        assert!(made.is_ok_and(|status| status.success()), "mknod {name}");
    }
    Some(root)
}

/// Major and minor number of a block device that there is; a floppy's where there is none.
fn first_disk() -> (String, String) {
    let disks = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let numbers = disks.filter_map(|disk| fs::read_to_string(disk.path().join("dev")).ok());
    let number = numbers.min().unwrap_or_else(|| "2:0".to_owned());
    let (major, minor) = number.trim().split_once(':').expect("MAJOR:MINOR");
    (major.to_owned(), minor.to_owned())
}

#[test]
fn no_way_leads_out_of_a_container() {
    if !is_root() {
        return;
    }
    let Some(root) = rootfs() else { return };
    let before = Machine::now();
    let (major, minor) = first_disk();
    let this = std::process::id();
    let ways: Vec<String> = [
        &format!("busybox mknod /dev/disk b {major} {minor}"),
        "busybox mknod /tmp-memory c 1 1",
        "busybox head -c 1 /disk",
        "busybox head -c 1 /memory",
        "echo '|/evil' > /proc/sys/kernel/core_pattern",
        "echo /evil > /proc/sys/kernel/modprobe",
        "echo 1 > /proc/sys/kernel/panic",
        "echo h > /proc/sysrq-trigger",
        "busybox mount -t proc proc /bin",
        "busybox mount -t sysfs sysfs /bin",
        "busybox mount -t devtmpfs dev /bin",
        "busybox mount -t cgroup -o memory memory /bin",
        "busybox mount -t cgroup2 none /bin",
        "busybox mount -o remount,rw,bind /proc/sys",
        "busybox mount -o bind /proc /bin",
        "busybox umount /proc/sys",
        "busybox umount -l /proc",
        "busybox unshare -U busybox true",
        "busybox unshare -m busybox true",
        "busybox nsenter -t 1 -m busybox true",
        "busybox hostname evil",
        "echo x > /module; busybox insmod /module",
        "busybox rmmod overlay",
        "busybox dmesg",
        "busybox date -s 2001-01-01; [ $(busybox date +%Y) = 2001 ]",
        "busybox swapoff -a; busybox swapon /disk",
        "busybox ip link set lo down",
        "busybox ip link add name evil type bridge",
        "echo -1000 > /proc/self/oom_score_adj",
        "ulimit -Hn 99999999",
        &format!("busybox kill -0 {this}"),
        "busybox ls /proc/1/root/etc/",
        "busybox chroot /proc/1/root/.. busybox ls /etc/",
        "busybox grep . /proc/keys",
        "busybox pivot_root / /bin",
        "busybox losetup /dev/loop0 /bin/busybox",
        "[ $(busybox wc -l < /proc/net/dev) -gt 3 ]",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut shell = Command::new(env!("CARGO_BIN_EXE_node-runtime"));
    let answers = typed(shell.arg("run").arg(&root).args(["/bin/busybox", "sh"]), &ways);
    all_refused(&ways, &answers);
    assert_eq!(Machine::now(), before);
    fs::remove_dir_all(root).unwrap();
}

#[test]
fn no_way_leads_out_of_a_node() {
    if !is_root() {
        return;
    }
    let before = Machine::now();
    let mut ways: Vec<String> = [
        "echo '|/evil' > /proc/sys/kernel/core_pattern",
        "echo 1 > /proc/sys/kernel/panic",
        "echo h > /proc/sysrq-trigger",
        "ln -s /proc/sysrq-trigger /tmp/link && echo h > /tmp/link",
        "cd /proc && echo 1 > sys/kernel/panic",
        "cd /; chmod 777 /proc/sysrq-trigger",
        "cat /proc/kcore",
        "cat /proc/kmsg",
        "cat /proc/1/mem",
        "mkdir /tmp/m; mount -t sysfs sysfs /tmp/m",
        "mount -t devtmpfs dev /tmp/m",
        "mount -t debugfs debug /tmp/m",
        "mount -t securityfs security /tmp/m",
        "mount -t bpf bpf /tmp/m",
        "mount -t tracefs trace /tmp/m",
        "mount -t efivarfs efi /tmp/m",
        "mount -t ext4 /dev/vda /tmp/m",
        "mount /dev/vda /tmp/m",
        "mount --bind /proc/sys /tmp/m && echo 1 > /tmp/m/kernel/panic",
        "cat /tmp/m/release_agent",
        "echo /evil > /sys/fs/cgroup/release_agent",
        "echo /evil > /sys/fs/cgroup/memory/release_agent",
        "ls /sys/class/net",
        "nsenter -t 1 -m ls /etc/shadow",
        "ls /proc/1/root/etc/shadow",
        "hostname evil; ls /etc/shadow",
    ]
    .map(str::to_owned)
    .to_vec();
    ways.push(format!("kill -0 {}", std::process::id()));
    let mut shell = Command::new(env!("CARGO_BIN_EXE_node-runtime"));
    let answers = typed(shell.args(["shell", "--node", "linux"]), &ways);
    all_refused(&ways, &answers);
    assert_eq!(Machine::now(), before);
}
