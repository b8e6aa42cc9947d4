//! The node's init from outside: starting it, giving it orders, ending it.

use super::{OrFault, disk, groups};
use engine::node::Fault;
use std::ffi::CString;
use std::fs::File;
use std::io::{PipeWriter, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use toolbox::gate::{GATE_BYTES, GATE_FD, Gate};
use toolbox::groups::{NodeGroup, thaw_tree};
use toolbox::keeper::DISK_PREFIX;
use toolbox::os;
use toolbox::wire::{Order, PACKET_BYTES, Reply, SOCKET_FD, TOOLBOX_FD};

/// The static executable that runs inside.
static TOOLBOX_BINARY: &[u8] = include_bytes!(env!("TOOLBOX_BINARY"));

/// For whoever wants a small static program.
pub fn toolbox_binary() -> &'static [u8] {
    TOOLBOX_BINARY
}

/// Longest an order may take: starting a container makes namespaces, which a busy machine does slowly.
const ORDER_TIMEOUT: Duration = Duration::from_secs(20);
/// Coarse file times lag behind the clock by a tick; a whole second is surely before.
const CLOCK_LAG_S: i64 = 1;

/// A node's init and what it gave us.
#[derive(Debug)]
pub struct Machine {
    init_pid: i32,
    pidfd: OwnedFd,
    socket: OwnedFd,
    gate: Gate,
    run_start_s: i64,
    store_dir: OwnedFd,
    node_root: OwnedFd,
    groups: Vec<NodeGroup>,
    /// Dropped last, when the init has ended.
    _keeper: Keeper,
}

impl Machine {
    /// Starts a fresh init in namespaces of its own and waits until its store is there.
    pub fn start() -> Result<Machine, Fault> {
        let memory = memfd(c"drydock-gate").or_fault(|| "memfd_create".into())?;
        File::from(memory.try_clone().or_fault(|| "dup".into())?)
            .set_len(GATE_BYTES as u64)
            .or_fault(|| "the gate's memory".into())?;
        let gate = Gate::map(memory.as_raw_fd()).or_fault(|| "mmap of the gate".into())?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let run_start_s = now.as_secs() as i64 - CLOCK_LAG_S;
        gate.set_run_start_s(run_start_s);
        gate.set_clocks().or_fault(|| "clock_gettime".into())?;
        let toolbox = toolbox_file()?;
        let (socket, theirs) = socket_pair().or_fault(|| "socketpair".into())?;
        let groups = groups::make()?;
        let disk = disk::make();
        let keeper = Keeper::start(&groups, disk.as_deref(), &toolbox)?;
        let (init_pid, pidfd) = clone_init(&theirs, &toolbox, &memory)?;
        drop(theirs);
        let (store_dir, node_root) = (toolbox, memory);
        let order = Order::Begin { groups: groups.clone(), disk };
        let mut machine =
            Machine { init_pid, pidfd, socket, gate, run_start_s, store_dir, node_root, groups, _keeper: keeper };
        machine.send(&order, &[])?;
        let (reply, mut fds) = machine.receive("its start")?;
        match (reply, fds.pop(), fds.pop()) {
            (Reply::Ready, Some(root), Some(store)) => {
                machine.node_root = root;
                machine.store_dir = store;
                Ok(machine)
            }
            (other, ..) => Err(Fault::new(format!("the node's init began with {other:?}"))),
        }
    }

    /// In the real machine's numbering.
    pub fn init_pid(&self) -> i32 {
        self.init_pid
    }

    /// The node's group in each hierarchy.
    pub fn groups(&self) -> &[NodeGroup] {
        &self.groups
    }

    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    pub fn run_start_s(&self) -> i64 {
        self.run_start_s
    }

    pub fn store_dir(&self) -> RawFd {
        self.store_dir.as_raw_fd()
    }

    pub fn node_root(&self) -> RawFd {
        self.node_root.as_raw_fd()
    }

    /// Gives an order and takes the answer, which is never [`Reply::Failed`].
    pub fn order(&mut self, order: &Order, fds: &[RawFd]) -> Result<(Reply, Vec<OwnedFd>), Fault> {
        self.send(order, fds)?;
        self.receive(&format!("{order:?}"))
    }

    fn send(&mut self, order: &Order, fds: &[RawFd]) -> Result<(), Fault> {
        let bytes = postcard::to_allocvec(order).map_err(|e| Fault::new(e.to_string()))?;
        if bytes.len() > PACKET_BYTES {
            return Err(Fault::new("a process's arguments and environment are longer than a packet"));
        }
        os::send(self.socket.as_raw_fd(), &bytes, fds).or_fault(|| "the node's init is gone".into())
    }

    fn receive(&mut self, order: &str) -> Result<(Reply, Vec<OwnedFd>), Fault> {
        let mut packet = vec![0; PACKET_BYTES];
        let got = os::receive(self.socket.as_raw_fd(), &mut packet);
        let (length, fds) = got.or_fault(|| format!("no answer of the node's init to {order}"))?;
        if length == 0 {
            return Err(Fault::new(format!("the node's init ended at {order}")));
        }
        match postcard::from_bytes(&packet[..length]) {
            Ok(Reply::Failed(why)) => Err(Fault::new(why)),
            Ok(reply) => Ok((reply, fds)),
            Err(e) => Err(Fault::new(format!("the node's init answered what cannot be read: {e}"))),
        }
    }
}

impl Drop for Machine {
    /// Killing the init kills its pid namespace; the mounts go with their namespaces, the files with their tmpfs.
    fn drop(&mut self) {
        self.groups.iter().for_each(|group| thaw_tree(&group.path));
        // SAFETY: no memory is passed; the pidfd is ours. waitid(2) would need P_PIDFD to be sure it is the same process:
        // it is our child, and nobody else waits for it.
        unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, self.pidfd.as_raw_fd(), libc::SIGKILL, 0, 0);
        }
        let _ = os::wait(self.init_pid, 0);
    }
}

fn memfd(name: &std::ffi::CStr) -> os::Result<OwnedFd> {
    // SAFETY: the name is NUL-terminated; the descriptor is new.
    unsafe { os::check(libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC)).map(|fd| OwnedFd::from_raw_fd(fd)) }
}

fn toolbox_file() -> Result<OwnedFd, Fault> {
    let memory = memfd(c"drydock-toolbox").or_fault(|| "memfd_create".into())?;
    let mut file = File::from(memory);
    file.write_all(TOOLBOX_BINARY).or_fault(|| "the toolbox".into())?;
    // Read-only, and at its beginning: what is open for writing cannot be executed.
    os::open(&format!("/proc/self/fd/{}", file.as_raw_fd()), libc::O_RDONLY, 0).or_fault(|| "the toolbox".into())
}

fn socket_pair() -> std::io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: the array holds the two descriptors socketpair(2) writes, which are new.
    let (ours, theirs) = unsafe {
        os::check(libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()))
            .map_err(std::io::Error::from_raw_os_error)?;
        (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    };
    let ours = UnixDatagram::from(ours);
    ours.set_read_timeout(Some(ORDER_TIMEOUT))?;
    Ok((ours.into(), theirs))
}

/// Clones the init and executes the toolbox in it. It makes its cgroup namespace itself, once it is in its groups.
fn clone_init(socket: &OwnedFd, toolbox: &OwnedFd, gate: &OwnedFd) -> Result<(i32, OwnedFd), Fault> {
    let namespaces =
        libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWNET | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC;
    start_toolbox(namespaces, &[CString::from(c"init")], toolbox, &[(socket, SOCKET_FD), (gate, GATE_FD)])
}

/// Executes the toolbox in a child with these namespaces new and these descriptors at their places.
fn start_toolbox(
    namespaces: i32,
    argv: &[CString],
    toolbox: &OwnedFd,
    given: &[(&OwnedFd, RawFd)],
) -> Result<(i32, OwnedFd), Fault> {
    let null = os::open("/dev/null", libc::O_RDWR, 0).or_fault(|| "/dev/null".into())?;
    // Copies far above the places they go to, so that none is overwritten before it is put there.
    let high = |fd: &OwnedFd| -> Result<OwnedFd, Fault> {
        // SAFETY: no memory is passed; the descriptor is new.
        let fd = unsafe { os::check(libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, GATE_FD + 1)) };
        // SAFETY: as above.
        fd.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).or_fault(|| "dup".into())
    };
    raise_descriptor_limit()?;
    let standard = [(&null, 0), (&null, 1), (&null, 2), (toolbox, TOOLBOX_FD)];
    let copies = standard.iter().chain(given).map(|(fd, place)| Ok((high(fd)?, *place)));
    let copies = copies.collect::<Result<Vec<(OwnedFd, RawFd)>, Fault>>()?;
    let places: Vec<(RawFd, RawFd)> = copies.iter().map(|(fd, place)| (fd.as_raw_fd(), *place)).collect();
    let argv: Vec<_> = argv.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect();
    let env = [std::ptr::null::<libc::c_char>()];
    // SAFETY: the child calls only dup2, fcntl-free close_range, execveat and _exit, which are async-signal-safe, on
    // memory made before.
    unsafe {
        match os::clone3(namespaces as u64, true) {
            Ok(None) => {
                for (from, to) in &places {
                    libc::dup2(*from, *to);
                }
                libc::syscall(libc::SYS_close_range, TOOLBOX_FD + 1, GATE_FD - 1, 0);
                libc::syscall(libc::SYS_close_range, GATE_FD + 1, u32::MAX, 0);
                let empty = c"".as_ptr();
                libc::syscall(libc::SYS_execveat, TOOLBOX_FD, empty, argv.as_ptr(), env.as_ptr(), libc::AT_EMPTY_PATH);
                libc::_exit(126)
            }
            Ok(Some((pid, Some(pidfd)))) => Ok((pid, pidfd)),
            Ok(Some((_, None))) => Err(Fault::new("clone3 without a pidfd")),
            Err(errno) => Err(Fault::new(format!(
                "clone3 with new namespaces: {} (node-runtime doctor says what is missing)",
                std::io::Error::from_raw_os_error(errno)
            ))),
        }
    }
}

/// Takes the node's control groups and its directory on the disk away when it is dropped, or when this process ends however it ends.
#[derive(Debug)]
struct Keeper {
    pid: i32,
    lifeline: Option<PipeWriter>,
}

impl Keeper {
    fn start(groups: &[NodeGroup], disk: Option<&str>, toolbox: &OwnedFd) -> Result<Keeper, Fault> {
        let (end, lifeline) = std::io::pipe().or_fault(|| "pipe".into())?;
        let disk = disk.map(|disk| os::c(format!("{DISK_PREFIX}{disk}")));
        let paths = groups.iter().map(|group| os::c(group.path.as_str())).chain(disk);
        let argv = std::iter::once(Ok(CString::from(c"keeper"))).chain(paths).collect::<os::Result<Vec<CString>>>();
        let argv = argv.or_fault(|| "a control group's path".into())?;
        let (pid, _) = start_toolbox(0, &argv, toolbox, &[(&OwnedFd::from(end), SOCKET_FD)])?;
        Ok(Keeper { pid, lifeline: Some(lifeline) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let _ = os::wait(self.pid, 0);
    }
}

/// The gate's descriptor must be allowed: at least [`GATE_FD`] and some more.
fn raise_descriptor_limit() -> Result<(), Fault> {
    const WANTED: libc::rlim_t = 4096;
    // SAFETY: plain data that the calls read and write.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        os::check(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit)).or_fault(|| "getrlimit".into())?;
        if limit.rlim_cur < WANTED {
            limit.rlim_cur = WANTED.min(limit.rlim_max);
            os::check(libc::setrlimit(libc::RLIMIT_NOFILE, &limit)).or_fault(|| "setrlimit".into())?;
        }
        Ok(())
    }
}
