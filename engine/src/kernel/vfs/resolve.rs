//! From a path to an inode: path_resolution(7).

use super::mount::Dentry;
use super::tree::ROOT;
use super::{Fs, Loc};
use crate::call::{Capability, Errno, FileKind, Resolve, Stat, Tid};
use crate::kernel::SimKernel;
use crate::kernel::cred::{CapSet, Cred};
use crate::kernel::ipc::QUEUE_BYTES;
use crate::kernel::userns::{IdKind, UserSpace};
use crate::kernel::{nsfs, procfs};
use std::sync::Arc;

/// Symbolic links in one resolution (path_resolution(7), MAXSYMLINKS).
const LINKS: u32 = 40;
/// Bytes of a path with its NUL (limits.h, PATH_MAX), and of a name (NAME_MAX).
const PATH_BYTES: usize = 4096;
const NAME_BYTES: usize = 255;

pub(in crate::kernel) const READ: u32 = 4;
pub(in crate::kernel) const WRITE: u32 = 2;
pub(in crate::kernel) const EXEC: u32 = 1;

/// On whose behalf a path is looked up.
#[derive(Clone, Debug)]
pub(in crate::kernel) struct View {
    pub tid: Tid,
    pub cred: Arc<Cred>,
    /// Its user namespace: capabilities reach only inodes whose owners have a name there.
    pub space: Arc<UserSpace>,
    pub root: Loc,
    pub cwd: Loc,
    /// What the way may not lead through.
    pub resolve: Resolve,
}

/// The last component of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kernel) enum Last {
    Name(String),
    Dot,
    DotDot,
    /// The path was only slashes.
    Root,
}

/// Where a path leads.
#[derive(Clone, Debug)]
pub(in crate::kernel) struct Walked {
    /// The directory that holds the last component.
    pub dir: Loc,
    pub last: Last,
    /// Something follows the last component: it must be a directory.
    pub slash: bool,
    pub node: Option<Loc>,
    /// The last component is longer than a name can be: no file system looks it up.
    pub too_long: bool,
}

impl Walked {
    /// What looking the last component up says of its length.
    pub(in crate::kernel) fn name_fits(&self) -> Result<(), Errno> {
        if self.too_long { Err(Errno::ENAMETOOLONG) } else { Ok(()) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Final {
    /// The link itself.
    Keep,
    /// The link itself, unless a slash follows (lstat).
    KeepUnlessSlash,
    Follow,
}

impl View {
    /// Whether the permission bits let this caller do `wanted` (path_resolution(7), "Permissions").
    pub(in crate::kernel) fn may(&self, stat: &Stat, wanted: u32) -> bool {
        let class = if stat.uid == self.cred.uid.effective {
            stat.mode >> 6
        } else if self.cred.is_in_group(stat.gid) {
            stat.mode >> 3
        } else {
            stat.mode
        };
        if class & wanted == wanted {
            return true;
        }
        // fs/namei.c, generic_permission: who may read and search everything, and who may do anything; but a file must
        // be executable by somebody to be executed.
        let dir = stat.kind == FileKind::Dir;
        let reads = if dir { wanted & WRITE == 0 } else { wanted == READ };
        let overrides = wanted & EXEC == 0 || dir || stat.mode & 0o111 != 0;
        (reads && self.is_capable_of(stat, Capability::CAP_DAC_READ_SEARCH))
            || (overrides && self.is_capable_of(stat, Capability::CAP_DAC_OVERRIDE))
    }

    /// RESOLVE_NO_XDEV: from one mount to another is no way.
    fn crossing(&self, from: Loc, to: Loc) -> Result<Loc, Errno> {
        if self.resolve.no_xdev && from.mount != to.mount { Err(Errno::EXDEV) } else { Ok(to) }
    }

    /// The owner of an inode, or who may act as one (fs/inode.c, inode_owner_or_capable).
    pub(in crate::kernel) fn owns(&self, stat: &Stat) -> bool {
        let named = || self.space.uids.up(stat.uid).is_some();
        stat.uid == self.cred.uid.effective || (self.cred.effective.has(Capability::CAP_FOWNER) && named())
    }

    /// capable_wrt_inode_uidgid of kernel/capability.c.
    pub(in crate::kernel) fn is_capable_of(&self, stat: &Stat, cap: Capability) -> bool {
        let named = || self.space.uids.up(stat.uid).is_some() && self.space.gids.up(stat.gid).is_some();
        self.cred.effective.has(cap) && named()
    }

    /// As access(2) looks: with the real ids, and with the capabilities that those have.
    pub(in crate::kernel) fn of_real_ids(&self) -> View {
        let mut cred = Cred::clone(&self.cred);
        (cred.uid.effective, cred.gid.effective) = (cred.uid.real, cred.gid.real);
        let is_root = self.space.id(IdKind::User, 0) == Some(cred.uid.real);
        cred.effective = if is_root { cred.permitted } else { CapSet::EMPTY };
        View { cred: Arc::new(cred), ..self.clone() }
    }
}

impl SimKernel {
    /// The inode at a path.
    pub(in crate::kernel) fn find(&mut self, view: &View, path: &str, follow: bool) -> Result<Loc, Errno> {
        let walked = self.walk(view, path, if follow { Final::Follow } else { Final::KeepUnlessSlash })?;
        walked.name_fits()?;
        let loc = walked.node.ok_or(Errno::ENOENT)?;
        if walked.slash && self.stat(loc).kind != FileKind::Dir {
            return Err(Errno::ENOTDIR);
        }
        Ok(loc)
    }

    /// The directory and name of a path whose last component is about to be made, removed or moved.
    pub(in crate::kernel) fn find_name(&mut self, view: &View, path: &str) -> Result<Walked, Errno> {
        let walked = self.find_parent(view, path)?;
        walked.name_fits().map(|()| walked)
    }

    /// As [`SimKernel::find_name`], before the last component is looked up (fs/namei.c, filename_parentat).
    pub(in crate::kernel) fn find_parent(&mut self, view: &View, path: &str) -> Result<Walked, Errno> {
        self.walk(view, path, Final::Keep)
    }

    /// As open(2) with O_CREAT looks: through a link to where its target is or would be.
    pub(in crate::kernel) fn find_or_name(&mut self, view: &View, path: &str, follow: bool) -> Result<Walked, Errno> {
        let walked = self.walk(view, path, if follow { Final::Follow } else { Final::Keep })?;
        walked.name_fits().map(|()| walked)
    }

    fn walk(&mut self, view: &View, path: &str, last_link: Final) -> Result<Walked, Errno> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        if path.len() >= PATH_BYTES {
            return Err(Errno::ENAMETOOLONG);
        }
        let Resolve { beneath, in_root, .. } = view.resolve;
        if beneath && path.starts_with('/') {
            return Err(Errno::EXDEV);
        }
        let mut at = if path.starts_with('/') { view.root } else { view.cwd };
        // The kernel looks for the root when it first needs it; until then no way to it is known to stay on this mount
        // (fs/namei.c, nd_jump_root).
        let mut rooted = path.starts_with('/') || beneath || in_root;
        let mut todo: Vec<String> = components(path);
        let mut slash = path.ends_with('/');
        let mut links = 0;
        let Some(mut name) = todo.pop() else {
            return Ok(Walked { dir: at, last: Last::Root, slash, node: Some(at), too_long: false });
        };
        loop {
            let is_last = todo.is_empty();
            self.may_search(view, at)?;
            let found = match name.as_str() {
                "." if is_last => {
                    return Ok(Walked { dir: at, last: Last::Dot, slash, node: Some(at), too_long: false });
                }
                "." => Some(at),
                ".." => {
                    if beneath && at == view.root {
                        return Err(Errno::EXDEV);
                    }
                    rooted = true;
                    let up = view.crossing(at, self.up(view, at))?;
                    if is_last {
                        return Ok(Walked { dir: at, last: Last::DotDot, slash, node: Some(up), too_long: false });
                    }
                    Some(up)
                }
                name if self.is_too_long(at, name) && !is_last => return Err(Errno::ENAMETOOLONG),
                name if self.is_too_long(at, name) => {
                    let last = Last::Name(name.to_owned());
                    return Ok(Walked { dir: at, last, slash, node: None, too_long: true });
                }
                name => match self.lookup(at, name) {
                    Some(found) => Some(view.crossing(at, found)?),
                    None => None,
                },
            };
            let link = match found {
                Some(loc)
                    if !is_last || last_link == Final::Follow || (last_link == Final::KeepUnlessSlash && slash) =>
                {
                    self.link_at(view, loc)?
                }
                _ => None,
            };
            match (found, link) {
                (_, Some(link)) => {
                    links += 1;
                    if links > LINKS || view.resolve.no_symlinks {
                        return Err(Errno::ELOOP);
                    }
                    if let Link::Jump(loc) = link {
                        if view.resolve.no_magiclinks {
                            return Err(Errno::ELOOP);
                        }
                        if beneath || in_root {
                            return Err(Errno::EXDEV);
                        }
                        view.crossing(at, loc)?;
                    }
                    match link {
                        Link::Jump(loc) if is_last => {
                            return Ok(Walked {
                                dir: at,
                                last: Last::Name(name),
                                slash,
                                node: Some(loc),
                                too_long: false,
                            });
                        }
                        Link::Jump(loc) => at = loc,
                        Link::Text(target) => {
                            if target.starts_with('/') {
                                if beneath {
                                    return Err(Errno::EXDEV);
                                }
                                if view.resolve.no_xdev && !rooted {
                                    return Err(Errno::EXDEV);
                                }
                                rooted = true;
                                at = view.crossing(at, view.root)?;
                            }
                            slash |= is_last && target.ends_with('/');
                            todo.extend(components(&target));
                            if todo.is_empty() {
                                return Ok(Walked {
                                    dir: at,
                                    last: Last::Root,
                                    slash,
                                    node: Some(at),
                                    too_long: false,
                                });
                            }
                        }
                    }
                }
                (node, None) if is_last => {
                    return Ok(Walked { dir: at, last: Last::Name(name), slash, node, too_long: false });
                }
                (Some(loc), None) => at = loc,
                (None, None) => return Err(Errno::ENOENT),
            }
            name = todo.pop().unwrap_or_default();
        }
    }

    fn may_search(&self, view: &View, dir: Loc) -> Result<(), Errno> {
        let stat = self.stat(dir);
        match stat.kind {
            FileKind::Dir if view.may(&stat, EXEC) => Ok(()),
            FileKind::Dir => Err(Errno::EACCES),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// Each file system says so by itself when it looks a name up; procfs never does.
    fn is_too_long(&self, dir: Loc, name: &str) -> bool {
        name.len() > NAME_BYTES && !matches!(self.fs(dir.fs), Fs::Proc(_))
    }

    /// Whether the caller may do this here: EPERM for everybody who would write to what is immutable (fs/namei.c,
    /// inode_permission).
    pub(in crate::kernel) fn permission(&self, view: &View, at: Loc, wanted: u32) -> Result<(), Errno> {
        if wanted & WRITE != 0 && matches!(self.fs(at.fs), Fs::Proc(_)) && procfs::is_immutable(at.ino) {
            return Err(Errno::EPERM);
        }
        if view.may(&self.stat(at), wanted) { Ok(()) } else { Err(Errno::EACCES) }
    }

    /// A name in a directory, and what is mounted on it.
    pub(in crate::kernel) fn lookup(&mut self, dir: Loc, name: &str) -> Option<Loc> {
        let ino = match self.fs(dir.fs) {
            Fs::Proc(ns) => procfs::lookup(self, *ns, dir.ino, name)?,
            Fs::Cgroup(_) => self.cgroups.lookup(dir.ino, name)?,
            _ => self.fs_mut(dir.fs).lookup(dir.ino, name)?,
        };
        let covering = self.mounts.covering(dir.mount, dir.ino, name, ino);
        let root = covering.and_then(|mount| self.mounts.root_of(mount));
        Some(root.unwrap_or(Loc { ino, ..dir }))
    }

    /// `..`: the parent, at the root of a mount that of the mount point; at the caller's root, and where nothing is above,
    /// the same directory. What is mounted there covers it (fs/namei.c, follow_dotdot and handle_mounts).
    fn up(&self, view: &View, at: Loc) -> Loc {
        self.topmost(self.parent_of(view, at).unwrap_or(at))
    }

    fn parent_of(&self, view: &View, mut at: Loc) -> Option<Loc> {
        loop {
            if at == view.root {
                return None;
            }
            // A file system without a mount is looked at from outside (facts of a stopped container).
            let mount = self.mounts.get(at.mount);
            if at.ino != mount.map_or(ROOT, |mount| mount.root) {
                let ino = match self.fs(at.fs) {
                    Fs::Proc(_) => procfs::parent(at.ino),
                    Fs::Cgroup(_) => self.cgroups.dotdot(at.ino),
                    fs => fs.dotdot(at.ino),
                };
                return Some(Loc { ino, ..at });
            }
            let on = mount?.on.as_ref()?;
            let fs = self.mounts.get(on.mount)?.fs;
            match on.dentry {
                Dentry::Dir(ino) => at = Loc { mount: on.mount, fs, ino },
                Dentry::Name(ino, _) => return Some(Loc { mount: on.mount, fs, ino }),
            }
        }
    }

    /// The path of a directory as its caller sees it; `None` if it was removed or cannot be reached.
    pub(in crate::kernel) fn path_of(&self, view: &View, at: Loc) -> Option<String> {
        self.path_from(view, at).filter(|(_, reached)| *reached).map(|(path, _)| path)
    }

    /// The path of a directory from the caller's root or, where that does not lead to it, from the topmost mount that
    /// does; and whether it was the caller's. `None` if it was removed (fs/d_path.c, prepend_path).
    pub(in crate::kernel) fn path_from(&self, view: &View, at: Loc) -> Option<(String, bool)> {
        self.names_up(view, at, false)
    }

    /// As a link of procfs tells it (fs/d_path.c, d_path).
    pub(in crate::kernel) fn path_told(&self, view: &View, at: Loc) -> Option<String> {
        let deleted = if self.fs(at.fs).removed(at.ino).is_some() { " (deleted)" } else { "" };
        self.names_up(view, at, true).map(|(path, _)| path + deleted)
    }

    /// `removed`: also through the last name of what has none any more.
    fn names_up(&self, view: &View, mut at: Loc, removed: bool) -> Option<(String, bool)> {
        let mut names: Vec<String> = Vec::new();
        while at != view.root {
            let mount = self.mounts.get(at.mount)?;
            if at.ino == mount.root {
                let Some(on) = mount.on.as_ref() else { break };
                let fs = self.mounts.get(on.mount)?.fs;
                let ino = match &on.dentry {
                    Dentry::Dir(ino) => *ino,
                    Dentry::Name(ino, name) => {
                        names.push(name.to_string());
                        *ino
                    }
                };
                at = Loc { mount: on.mount, fs, ino };
                continue;
            }
            let (parent, name) = match self.fs(at.fs) {
                Fs::Proc(ns) => (procfs::parent(at.ino), procfs::name(self, *ns, at.ino)),
                Fs::Cgroup(_) => self.cgroups.parent_of(at.ino)?,
                fs => fs.parent(at.ino).or_else(|| fs.removed(at.ino).filter(|_| removed))?,
            };
            names.push(name);
            at.ino = parent;
        }
        let path = names.iter().rev().fold(String::new(), |path, name| path + "/" + name);
        Some((if path.is_empty() { "/".to_owned() } else { path }, at == view.root))
    }

    /// The path of a name in a directory, for what is told of it.
    pub(in crate::kernel) fn path_in(&self, view: &View, dir: Loc, name: &str) -> String {
        match self.path_of(view, dir).as_deref() {
            None | Some("/") => format!("/{name}"),
            Some(dir) => format!("{dir}/{name}"),
        }
    }

    pub(in crate::kernel) fn stat(&self, at: Loc) -> Stat {
        match self.fs(at.fs) {
            Fs::Proc(_) => procfs::stat(self, at.ino),
            Fs::Ns => nsfs::stat(),
            Fs::Cgroup(_) => self.cgroups.stat(at.ino),
            _ if self.is_queue(at) => {
                let stat = self.filesystems.inode(at.fs, at.ino).map(super::Inode::stat);
                let stat = stat.unwrap_or_else(|| super::Inode::file(Vec::new(), 0).stat());
                Stat { size_bytes: QUEUE_BYTES, ..stat }
            }
            _ => self.filesystems.inode(at.fs, at.ino).map_or_else(|| super::Inode::dir(0).stat(), super::Inode::stat),
        }
    }

    /// What a symbolic link holds.
    pub(in crate::kernel) fn link_text(&self, view: &View, at: Loc) -> Option<String> {
        match self.fs(at.fs) {
            Fs::Proc(ns) => procfs::link(self, view, *ns, at.ino),
            _ => match &self.filesystems.inode(at.fs, at.ino)?.node {
                super::Node::Symlink(target) => Some(target.clone()),
                _ => None,
            },
        }
    }

    /// A link of procfs is followed and read by who may look into its process (proc(5)).
    pub(in crate::kernel) fn may_follow(&self, view: &View, at: Loc) -> Result<(), Errno> {
        let guarded = matches!(self.fs(at.fs), Fs::Proc(_)).then(|| procfs::guarded(at.ino)).flatten();
        if guarded.is_some_and(|target| !self.may_look_into(view.tid, target)) {
            return Err(Errno::EACCES);
        }
        Ok(())
    }

    fn link_at(&self, view: &View, at: Loc) -> Result<Option<Link>, Errno> {
        if self.stat(at).kind == FileKind::Symlink {
            self.may_follow(view, at)?;
        }
        if let Fs::Proc(_) = self.fs(at.fs)
            && let Some(loc) = procfs::jump(self, at.ino)
        {
            return Ok(Some(Link::Jump(loc)));
        }
        match self.link_text(view, at) {
            Some(text) => Ok(Some(Link::Text(text))),
            // A link of procfs whose process has no such thing.
            None if self.stat(at).kind == FileKind::Symlink => Err(Errno::ENOENT),
            None => Ok(None),
        }
    }

    pub(in crate::kernel) fn is_read_only(&self, at: Loc) -> bool {
        self.superblock(at.fs).read_only || self.mounts.get(at.mount).is_some_and(|mount| mount.attrs.read_only)
    }

    /// EROFS if nothing may be changed here.
    pub(in crate::kernel) fn want_write(&self, at: Loc) -> Result<(), Errno> {
        if self.is_read_only(at) { Err(Errno::EROFS) } else { Ok(()) }
    }
}

enum Link {
    Text(String),
    /// A link of procfs leads to its object, whatever its text says (proc(5), /proc/PID/fd).
    Jump(Loc),
}

/// The components of a path, the last one first.
fn components(path: &str) -> Vec<String> {
    path.split('/').filter(|name| !name.is_empty()).rev().map(str::to_owned).collect()
}
