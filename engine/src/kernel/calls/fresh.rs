//! The file systems that mount(2) makes: tmpfs(5), proc(5) and overlayfs, with the options each takes. Other types answer
//! ENODEV: no model has them.

use super::mounts::Request;
use crate::call::{Errno, FileKind};
use crate::kernel::SimKernel;
use crate::kernel::vfs::overlay::Place;
use crate::kernel::vfs::tree::Limits;
use crate::kernel::vfs::{Fs, Ino, Inode, Loc, Notes, Overlay, Tree, View};
use std::sync::Arc;

/// What shmem counts sizes in.
const PAGE: u64 = 4096;
/// Overlays on one another (FILESYSTEM_MAX_STACK_DEPTH).
const DEPTH: u32 = 2;
/// Lower directories of one overlay (OVL_MAX_STACK).
const LAYERS: usize = 500;

/// A new file system, and what mountinfo shows of it.
pub(in crate::kernel) struct Fresh {
    pub fs: Fs,
    pub options: String,
    pub read_only: bool,
}

impl Fresh {
    /// tmpfs(5); its root is theirs, unless the options say whose.
    pub(in crate::kernel) fn tmpfs(options: &str, owner: (u32, u32)) -> Result<Fresh, Errno> {
        let tmpfs = Tmpfs::of(options, owner)?;
        Ok(Fresh { options: tmpfs.text(), fs: Fs::Tree(Arc::new(tmpfs.tree())), read_only: false })
    }
}

pub(super) fn fresh(kernel: &mut SimKernel, view: &View, request: &Request<'_>) -> Result<Fresh, Errno> {
    let ns = kernel.process(view.tid).map(|process| process.ns).ok_or(Errno::ESRCH)?;
    let read_only = request.flags.read_only;
    match request.fstype {
        "tmpfs" => {
            let fresh = Fresh::tmpfs(request.data, (view.cred.uid.effective, view.cred.gid.effective))?;
            Ok(Fresh { read_only, ..fresh })
        }
        // Over the processes of a namespace that is one's own to administer (fs/super.c, mount_capable).
        "proc" if !kernel.is_admin_of(view.tid, ns.pid) => Err(Errno::EPERM),
        "proc" => Ok(Fresh { fs: Fs::Proc(ns.pid), options: String::new(), read_only }),
        "overlay" => {
            overlay(kernel, view, request.data).map(|fresh| Fresh { read_only: fresh.read_only || read_only, ..fresh })
        }
        _ => Err(Errno::ENODEV),
    }
}

/// tmpfs(5), "Mount options".
#[derive(Clone, Copy, Debug)]
pub(super) struct Tmpfs {
    mode: u32,
    uid: u32,
    gid: u32,
    limits: Limits,
}

impl Tmpfs {
    /// Its root is the caller's, unless it is said whose.
    pub(super) fn of(data: &str, (uid, gid): (u32, u32)) -> Result<Tmpfs, Errno> {
        let mut tmpfs = Tmpfs { mode: 0o1777, uid, gid, limits: Limits::default() };
        for option in data.split(',').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').ok_or(Errno::EINVAL)?;
            let number = || value.parse::<u32>().map_err(|_| Errno::EINVAL);
            match name {
                "mode" => tmpfs.mode = u32::from_str_radix(value, 8).map_err(|_| Errno::EINVAL)? & 0o7777,
                "uid" => tmpfs.uid = number()?,
                "gid" => tmpfs.gid = number()?,
                // Of this machine's memory, whatever that is.
                "size" if value.ends_with('%') => {}
                "size" => tmpfs.limits.pages = Some(amount(value)?.div_ceil(PAGE)).filter(|pages| *pages > 0),
                "nr_blocks" => tmpfs.limits.pages = Some(amount(value)?).filter(|pages| *pages > 0),
                "nr_inodes" => tmpfs.limits.inodes = Some(amount(value)?).filter(|inodes| *inodes > 0),
                "huge" | "mpol" => {}
                _ => return Err(Errno::EINVAL),
            }
        }
        Ok(tmpfs)
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    fn tree(&self) -> Tree {
        let mut tree = Tree::new(self.mode);
        tree.limit(self.limits);
        tree.own_root(self.uid, self.gid);
        tree
    }

    /// mm/shmem.c, shmem_show_options.
    fn text(&self) -> String {
        let mut text = String::new();
        if let Some(pages) = self.limits.pages {
            text += &format!(",size={}k", pages * (PAGE / 1024));
        }
        if let Some(inodes) = self.limits.inodes {
            text += &format!(",nr_inodes={inodes}");
        }
        if self.mode != 0o1777 {
            text += &format!(",mode={:03o}", self.mode);
        }
        for (name, id) in [("uid", self.uid), ("gid", self.gid)] {
            if id != 0 {
                text += &format!(",{name}={id}");
            }
        }
        text
    }
}

/// A number with a suffix (lib/cmdline.c, memparse).
fn amount(text: &str) -> Result<u64, Errno> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(Errno::EINVAL),
    };
    let number: u64 = digits.parse().map_err(|_| Errno::EINVAL)?;
    number.checked_shl(shift).filter(|n| n >> shift == number).ok_or(Errno::EINVAL)
}

/// Documentation/filesystems/overlayfs.rst; fs/overlayfs/params.c and super.c.
fn overlay(kernel: &mut SimKernel, view: &View, data: &str) -> Result<Fresh, Errno> {
    let (mut lower, mut upper, mut work) = (None, None, None);
    for option in data.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("lowerdir", path)) => lower = Some(path),
            Some(("upperdir", path)) => upper = Some(path),
            Some(("workdir", path)) => work = Some(path),
            Some(("redirect_dir", "off" | "nofollow") | ("index" | "metacopy" | "nfs_export" | "xino", "off")) => {}
            _ => return Err(Errno::EINVAL),
        }
    }
    let lower = lower.ok_or(Errno::EINVAL)?;
    let names: Vec<&str> = lower.split(':').collect();
    let upper = upper.map(|path| Ok((path, directory(kernel, view, path)?))).transpose()?;
    let work = work.map(|path| Ok((path, directory(kernel, view, path)?))).transpose()?;
    let lowers = names.iter().map(|path| directory(kernel, view, path)).collect::<Result<Vec<Loc>, _>>()?;
    if lowers.len() > LAYERS || (upper.is_none() && lowers.len() < 2) {
        return Err(Errno::EINVAL);
    }
    let mut options = format!(",lowerdir={lower}");
    if let Some((path, upper)) = upper {
        let (work_path, work) = work.ok_or(Errno::EINVAL)?;
        may_write(kernel, upper, work)?;
        options += &format!(",upperdir={path},workdir={work_path}");
    }
    let depth = 1 + lowers.iter().map(|lower| depth_of(kernel, lower)).max().unwrap_or(0);
    if depth > DEPTH {
        return Err(Errno::EINVAL);
    }
    let own = upper.iter().map(|(_, at)| *at).chain(work.filter(|_| upper.is_some()).map(|(_, at)| at));
    apart(kernel, &own.chain(lowers.iter().copied()).collect::<Vec<_>>())?;
    let work = match (upper, work) {
        (Some(_), Some((_, work))) => Some(make_work(kernel, work)?),
        _ => None,
    };
    let place = |at: &Loc| Place { fs: at.fs, ino: at.ino };
    let layers = lowers.iter().rev().map(place).collect();
    let overlay = Overlay::new(layers, upper.map(|(_, at)| place(&at)), work, depth);
    Ok(Fresh { fs: Fs::Overlay(Arc::new(overlay)), options, read_only: upper.is_none() })
}

fn directory(kernel: &mut SimKernel, view: &View, path: &str) -> Result<Loc, Errno> {
    let at = kernel.find(view, path, true)?;
    let kept = matches!(kernel.fs(at.fs), Fs::Tree(_) | Fs::Overlay(_));
    if kept && kernel.stat(at).kind == FileKind::Dir { Ok(at) } else { Err(Errno::EINVAL) }
}

/// The upperdir is on a file system with names of its own, writable, with the workdir beside it.
fn may_write(kernel: &SimKernel, upper: Loc, work: Loc) -> Result<(), Errno> {
    let plain = matches!(kernel.fs(upper.fs), Fs::Tree(_));
    if !plain || kernel.is_read_only(upper) || upper.mount != work.mount {
        return Err(Errno::EINVAL);
    }
    if is_under(kernel, upper, work) || is_under(kernel, work, upper) { Err(Errno::EINVAL) } else { Ok(()) }
}

/// None of its directories may be within another (ovl_check_overlapping_layers).
fn apart(kernel: &SimKernel, all: &[Loc]) -> Result<(), Errno> {
    for (n, one) in all.iter().enumerate() {
        for other in &all[n + 1..] {
            if is_under(kernel, *one, *other) || is_under(kernel, *other, *one) {
                return Err(Errno::ELOOP);
            }
        }
    }
    Ok(())
}

fn is_under(kernel: &SimKernel, at: Loc, top: Loc) -> bool {
    if at.fs != top.fs {
        return false;
    }
    let mut ino = at.ino;
    while ino != top.ino {
        match kernel.fs(at.fs).parent(ino) {
            Some((parent, _)) => ino = parent,
            None => return false,
        }
    }
    true
}

fn depth_of(kernel: &SimKernel, at: &Loc) -> u32 {
    match kernel.fs(at.fs) {
        Fs::Overlay(overlay) => overlay.depth,
        _ => 0,
    }
}

/// Overlayfs prepares what it renames into place in a directory of its own (ovl_workdir_create).
fn make_work(kernel: &mut SimKernel, work: Loc) -> Result<Ino, Errno> {
    let mut notes = Notes::new();
    if let Some(old) = kernel.fs_mut(work.fs).lookup(work.ino, "work") {
        // What another mount left there goes first (ovl_workdir_cleanup).
        for left in kernel.filesystems.names(work.fs, old) {
            kernel.fs_mut(work.fs).remove(old, &left.name, &mut notes);
        }
        kernel.fs_mut(work.fs).remove(work.ino, "work", &mut notes);
    }
    kernel.fs_mut(work.fs).create(work.ino, "work", Inode::dir(0), &mut notes)
}
