//! mount(2) and umount2(2), in the order of checks of fs/namespace.c. What new file systems there are is in
//! [`super::fresh`], what moves roots about in [`super::roots`].

use super::Done;
use super::fresh::{Fresh, Tmpfs};
use crate::call::{Errno, FileKind, MountFlags, Ret, Tid};
use crate::kernel::SimKernel;
use crate::kernel::cgroup::Hierarchy;
use crate::kernel::cgroup::fs::dir_ino;
use crate::kernel::files::Ofd;
use crate::kernel::nsfs::NSFS;
use crate::kernel::vfs::mount::{Atime, Attrs, Mount};
use crate::kernel::vfs::propagate::Propagation;
use crate::kernel::vfs::{Fs, Loc, MountId, ROOT, View};
use crate::node::{Effects, Happening};

pub(super) struct Request<'a> {
    pub source: &'a str,
    pub target: &'a str,
    pub fstype: &'a str,
    pub flags: MountFlags,
    pub data: &'a str,
}

pub(super) fn mount(kernel: &mut SimKernel, tid: Tid, request: &Request<'_>, fx: &mut Effects) -> Done {
    let view = kernel.view(tid)?;
    let target = kernel.find(&view, request.target, true)?;
    may_mount(kernel, tid)?;
    let flags = request.flags;
    let fstype = if flags.remount {
        remount(kernel, &view, target, request)?;
        "remount"
    } else if flags.bind {
        bind(kernel, &view, target, request)?;
        "bind"
    } else if flags.shared || flags.private || flags.slave || flags.unbindable {
        change_type(kernel, &view, target, flags)?;
        "propagation"
    } else if flags.moved {
        move_mount(kernel, &view, target, request)?;
        "move"
    } else {
        fresh(kernel, &view, target, request)?;
        request.fstype
    };
    let path = shown(kernel, &view, target, request.target);
    kernel.tell(tid, Happening::Mounted { target: path, fstype: fstype.to_owned() }, fx);
    Ok(Ret::Ok)
}

pub(super) fn umount(kernel: &mut SimKernel, tid: Tid, target: &str, detach: bool, fx: &mut Effects) -> Done {
    let view = kernel.view(tid)?;
    let loc = kernel.find(&view, target, true)?;
    may_mount(kernel, tid)?;
    let mount = own_root(kernel, &view, loc)?;
    if mount.locked {
        return Err(Errno::EINVAL);
    }
    if loc.mount == view.root.mount {
        return unmount_root(kernel, &view, loc, detach);
    }
    if !detach && is_busy(kernel, loc.mount) {
        return Err(Errno::EBUSY);
    }
    let path = shown(kernel, &view, loc, target);
    kernel.mounts.unmount(loc.mount, true);
    kernel.sweep_namespaces();
    kernel.tell(tid, Happening::Unmounted { target: path }, fx);
    Ok(Ret::Ok)
}

/// "Unmounting" the root makes it read-only, unless somebody writes there (fs/namespace.c, do_umount_root). To detach it
/// would leave its processes without a root: refused on both kernels.
fn unmount_root(kernel: &mut SimKernel, view: &View, root: Loc, detach: bool) -> Done {
    if detach {
        return Err(Errno::EINVAL);
    }
    may_change_superblock(kernel, view, root)?;
    set_superblock_read_only(kernel, root, true)?;
    Ok(Ret::Ok)
}

/// mount(2): CAP_SYS_ADMIN in the user namespace that owns the mount namespace.
pub(super) fn may_mount(kernel: &SimKernel, tid: Tid) -> Result<(), Errno> {
    let mnt = kernel.process(tid).ok_or(Errno::ESRCH)?.ns.mnt;
    if kernel.is_admin_of(tid, mnt) { Ok(()) } else { Err(Errno::EPERM) }
}

/// A mount of the caller's namespace (check_mnt).
pub(super) fn own<'a>(kernel: &'a SimKernel, view: &View, mount: MountId) -> Result<&'a Mount, Errno> {
    let ns = kernel.process(view.tid).map(|process| process.ns.mnt);
    kernel.mounts.get(mount).filter(|mount| mount.ns == ns).ok_or(Errno::EINVAL)
}

/// Such a mount, of which `at` is the root (path_mounted).
fn own_root<'a>(kernel: &'a SimKernel, view: &View, at: Loc) -> Result<&'a Mount, Errno> {
    own(kernel, view, at.mount).and_then(|mount| if mount.root == at.ino { Ok(mount) } else { Err(Errno::EINVAL) })
}

fn fresh(kernel: &mut SimKernel, view: &View, target: Loc, request: &Request<'_>) -> Result<(), Errno> {
    let ns = kernel.process(view.tid).map(|process| process.ns).ok_or(Errno::ESRCH)?;
    if let "cgroup" | "cgroup2" = request.fstype {
        return control_groups(kernel, view, target, request);
    }
    // One for each namespace, however often it is mounted.
    if request.fstype == "mqueue" {
        if !kernel.is_admin_of(view.tid, ns.ipc) {
            return Err(Errno::EPERM);
        }
        let own = super::ipc::queues(kernel, ns.ipc);
        let mount = Mount::new(ns.mnt, own, ROOT, request.fstype, request.source);
        let mount = kernel.mounts.attach(Mount { ns: None, ..mount.with(attrs(request.flags, None)) });
        return place_new(kernel, view, mount, request, target);
    }
    let Fresh { fs, options, read_only } = super::fresh::fresh(kernel, view, request)?;
    let fs = kernel.add_fs(fs);
    let superblock = kernel.superblock_mut(fs);
    (superblock.options, superblock.read_only, superblock.user) = (options.into(), read_only, ns.user);
    let mount = Mount::new(ns.mnt, fs, ROOT, request.fstype, request.source);
    let mount = kernel.mounts.attach(Mount { ns: None, ..mount.with(attrs(request.flags, None)) });
    place_new(kernel, view, mount, request, target)
}

/// A hierarchy that is there, from the group down that the caller's namespace has for its root. New ones are made by
/// nobody in a namespace of its own (kernel/cgroup/cgroup-v1.c, cgroup1_root_to_use).
fn control_groups(kernel: &mut SimKernel, view: &View, target: Loc, request: &Request<'_>) -> Result<(), Errno> {
    let ns = kernel.process(view.tid).map(|process| process.ns).ok_or(Errno::ESRCH)?;
    let v2 = request.fstype == "cgroup2";
    let wanted = |hierarchy: &Hierarchy| hierarchy.v2 == v2 && (v2 || hierarchy.dir == request.data);
    let (id, _) = kernel.cgroups.hierarchies().find(|(_, hierarchy)| wanted(hierarchy)).ok_or(Errno::EPERM)?;
    let root = dir_ino(kernel.cgroups.root_of(ns.cgroup, id));
    let shows = |fs: &Fs| matches!(fs, Fs::Cgroup(hierarchy) if *hierarchy == id);
    let fs = kernel.filesystems.find(shows).ok_or(Errno::ENODEV)?;
    let mount = Mount::new(ns.mnt, fs, root, request.fstype, request.source);
    let mount = kernel.mounts.attach(Mount { ns: None, ..mount.with(attrs(request.flags, None)) });
    place_new(kernel, view, mount, request, target)
}

fn bind(kernel: &mut SimKernel, view: &View, target: Loc, request: &Request<'_>) -> Result<(), Errno> {
    if request.source.is_empty() {
        return Err(Errno::EINVAL);
    }
    let source = kernel.find(view, request.source, true)?;
    let own_ns = own(kernel, view, target.mount)?.ns;
    if source.fs == NSFS && kernel.mounts.get(source.mount).is_none() {
        // A link of procfs leads to no mount of this namespace: what it names is bound all the same.
        let ns = own_ns.ok_or(Errno::EINVAL)?;
        kernel.may_mount_namespace(ns, source)?;
        // Its kernel mount keeps all access times (fs/nsfs.c).
        let attrs = Attrs { atime: Atime::Strict, ..Attrs::default() };
        let mount = Mount::new(ns, NSFS, source.ino, "nsfs", "nsfs").with(attrs);
        let mount = kernel.mounts.attach(Mount { ns: None, ..mount });
        return place(kernel, view, mount, request, target);
    }
    if own(kernel, view, source.mount)?.unbindable {
        return Err(Errno::EINVAL);
    }
    let dentry = kernel.dentry(view, request.source, source);
    let mount = kernel.copy_bind(source, dentry, request.flags.recursive)?;
    place(kernel, view, mount, request, target)
}

/// One file system is not mounted twice at one place (fs/namespace.c, do_add_mount); a bind may be.
fn place_new(
    kernel: &mut SimKernel,
    view: &View,
    mount: MountId,
    request: &Request<'_>,
    target: Loc,
) -> Result<(), Errno> {
    let there = own_root(kernel, view, target).map(|mount| mount.fs).ok();
    if there.is_some() && there == kernel.mounts.get(mount).map(|mount| mount.fs) {
        kernel.mounts.unmount(mount, false);
        kernel.sweep_namespaces();
        return Err(Errno::EBUSY);
    }
    place(kernel, view, mount, request, target)
}

/// Attaches what was made for it, or drops that again.
fn place(kernel: &mut SimKernel, view: &View, mount: MountId, request: &Request<'_>, target: Loc) -> Result<(), Errno> {
    let own = own(kernel, view, target.mount).map(|_| ());
    own.and_then(|()| kernel.graft(view, mount, request.target, target)).inspect_err(|_| {
        kernel.mounts.unmount(mount, false);
        kernel.sweep_namespaces();
    })
}

/// With `bind` only this mount's flags are set, without it the whole file system's too.
fn remount(kernel: &mut SimKernel, view: &View, target: Loc, request: &Request<'_>) -> Result<(), Errno> {
    let mount = own_root(kernel, view, target)?;
    let new = attrs(request.flags, Some(mount.attrs));
    if !mount.may_become(new) {
        return Err(Errno::EPERM);
    }
    if !request.flags.bind {
        if matches!(kernel.fs(target.fs), Fs::Cgroup(_)) || kernel.is_disk(target.fs) {
            // Its superblock is the machine's: a node is not let change that.
            return Err(Errno::EPERM);
        }
        reconfigure(kernel, target, request.data)?;
        may_change_superblock(kernel, view, target)?;
        set_superblock_read_only(kernel, target, request.flags.read_only)?;
    } else if new.read_only && is_written(kernel, |loc| loc.mount == target.mount) {
        return Err(Errno::EBUSY);
    }
    if let Some(mount) = kernel.mounts.get_mut(target.mount) {
        mount.attrs = new;
    }
    Ok(())
}

/// The file system's own options, told again. Of a tmpfs its limits change, to no less than it holds.
fn reconfigure(kernel: &mut SimKernel, target: Loc, data: &str) -> Result<(), Errno> {
    if &*kernel.mounts.get(target.mount).ok_or(Errno::EINVAL)?.fstype != "tmpfs" {
        return Ok(());
    }
    let limits = Tmpfs::of(data, (0, 0))?.limits();
    let told = kernel.superblock(target.fs).options.clone();
    let Some(text) = kernel.filesystems.limit(target.fs, limits)? else { return Ok(()) };
    let kept =
        told.split(',').filter(|option| !option.is_empty() && !text.iter().any(|(name, _)| option.starts_with(name)));
    let new = text.iter().map(|(name, value)| format!(",{name}{value}"));
    kernel.superblock_mut(target.fs).options =
        new.chain(kept.map(|option| format!(",{option}"))).collect::<String>().into();
    Ok(())
}

/// CAP_SYS_ADMIN in the user namespace in which the file system was mounted.
fn may_change_superblock(kernel: &SimKernel, view: &View, at: Loc) -> Result<(), Errno> {
    if kernel.is_admin(view.tid, kernel.superblock(at.fs).user) { Ok(()) } else { Err(Errno::EPERM) }
}

fn set_superblock_read_only(kernel: &mut SimKernel, at: Loc, read_only: bool) -> Result<(), Errno> {
    if read_only && !kernel.superblock(at.fs).read_only && is_written(kernel, |loc| loc.fs == at.fs) {
        return Err(Errno::EBUSY);
    }
    kernel.superblock_mut(at.fs).read_only = read_only;
    Ok(())
}

fn is_written(kernel: &SimKernel, there: impl Fn(Loc) -> bool) -> bool {
    kernel.files.opened().any(|ofd: &Ofd| ofd.write && ofd.loc().is_some_and(&there))
}

fn change_type(kernel: &mut SimKernel, view: &View, target: Loc, flags: MountFlags) -> Result<(), Errno> {
    own_root(kernel, view, target)?;
    let all = [
        (flags.shared, Propagation::Shared),
        (flags.private, Propagation::Private),
        (flags.slave, Propagation::Slave),
        (flags.unbindable, Propagation::Unbindable),
    ];
    let mut wanted = all.iter().filter(|(wanted, _)| *wanted).map(|(_, to)| *to);
    let (Some(to), None) = (wanted.next(), wanted.next()) else { return Err(Errno::EINVAL) };
    // flags_to_propagation_type: nothing else but MS_REC may be said.
    let plain =
        MountFlags { shared: false, private: false, slave: false, unbindable: false, recursive: false, ..flags };
    if plain != MountFlags::NONE {
        return Err(Errno::EINVAL);
    }
    let changed = if flags.recursive { kernel.mounts.tree(target.mount) } else { vec![target.mount] };
    changed.into_iter().for_each(|mount| kernel.mounts.change_propagation(mount, to));
    Ok(())
}

fn move_mount(kernel: &mut SimKernel, view: &View, target: Loc, request: &Request<'_>) -> Result<(), Errno> {
    if request.source.is_empty() {
        return Err(Errno::EINVAL);
    }
    let source = kernel.find(view, request.source, true)?;
    own(kernel, view, target.mount)?;
    let moved = own_root(kernel, view, source)?;
    let below = moved.on.as_ref().and_then(|on| kernel.mounts.get(on.mount)).ok_or(Errno::EINVAL)?;
    let is_dir = |loc| kernel.stat(loc).kind == FileKind::Dir;
    if moved.locked || below.group.is_some() || is_dir(source) != is_dir(target) {
        return Err(Errno::EINVAL);
    }
    let shared = kernel.mounts.get(target.mount).is_some_and(|mount| mount.group.is_some());
    let unbindable = |id: &MountId| kernel.mounts.get(*id).is_some_and(|mount| mount.unbindable);
    if shared && kernel.mounts.tree(source.mount).iter().any(unbindable) {
        return Err(Errno::EINVAL);
    }
    if kernel.mounts.is_below(target.mount, source.mount) {
        return Err(Errno::ELOOP);
    }
    kernel.graft(view, source.mount, request.target, target)
}

/// The flags of one mount; a remount that says nothing of access times leaves them (fs/namespace.c, path_mount).
fn attrs(flags: MountFlags, old: Option<Attrs>) -> Attrs {
    let silent = !(flags.noatime || flags.nodiratime || flags.relatime || flags.strictatime);
    let (atime, nodiratime) = match old.filter(|_| silent) {
        Some(old) => (old.atime, old.nodiratime),
        None if flags.strictatime => (Atime::Strict, flags.nodiratime),
        None if flags.noatime => (Atime::Never, flags.nodiratime),
        None => (Atime::Relative, flags.nodiratime),
    };
    let MountFlags { read_only, nosuid, nodev, noexec, .. } = flags;
    Attrs { read_only, nosuid, nodev, noexec, nodiratime, atime }
}

/// Somebody is in it, or would be in what went with it elsewhere (fs/pnode.c, propagate_mount_busy).
fn is_busy(kernel: &SimKernel, mount: MountId) -> bool {
    if kernel.mounts.has_children(mount) {
        return true;
    }
    std::iter::once(mount).chain(kernel.mounts.elsewhere(mount)).any(|mount| kernel.is_used(mount))
}

pub(super) fn shown(kernel: &SimKernel, view: &View, loc: Loc, path: &str) -> String {
    let dir = kernel.stat(loc).kind == FileKind::Dir;
    kernel.path_of(view, loc).filter(|_| dir).unwrap_or_else(|| path.to_owned())
}
