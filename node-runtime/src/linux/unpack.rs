//! An OCI layer onto disk, as a lowerdir of overlayfs: whiteouts become character devices 0/0, opaque directories get
//! their xattr (overlayfs.rst, "whiteouts and opaque directories"; OCI image-spec, layer.md).
//!
//! Names never lead out of the directory: parents are opened beneath it, and no symlink is followed.

use super::OrFault;
use engine::node::Fault;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::Path;
use tar::{Archive, Entry, EntryType};
use toolbox::os::{self, check};

const BENEATH: u64 = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS;
pub const WHITEOUT: &str = ".wh.";
pub const OPAQUE: &str = ".wh..wh..opq";
pub const OPAQUE_XATTR: &std::ffi::CStr = c"trusted.overlay.opaque";

/// Unpacks `tar` into `dir`, which exists.
pub fn layer(tar: &[u8], dir: &Path) -> Result<(), Fault> {
    if tar.is_empty() {
        return Ok(());
    }
    let root = os::open(&dir.to_string_lossy(), libc::O_RDONLY | libc::O_DIRECTORY, 0);
    let root = root.or_fault(|| "the layer's directory".into())?;
    let mut archive = Archive::new(tar);
    // Making a file changes its directory's time, so directories get theirs at the end.
    let mut dirs = Vec::new();
    for entry in archive.entries().or_fault(|| "a layer's tar".into())? {
        let mut entry = entry.or_fault(|| "a layer's tar".into())?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).trim_matches('/').to_owned();
        let path = path.strip_prefix("./").unwrap_or(&path).to_owned();
        if path.is_empty() || path == "." {
            continue;
        }
        let about = |errno| Fault::new(format!("unpack {path}: {}", std::io::Error::from_raw_os_error(errno)));
        let kind = entry.header().entry_type();
        unpack(&root, &path, &mut entry).map_err(about)?;
        if kind == EntryType::Directory {
            dirs.push((path, entry.header().mtime().unwrap_or(0)));
        }
    }
    for (path, mtime) in dirs.iter().rev() {
        let (parent, name) = place(&root, path).or_fault(|| path.clone())?;
        set_mtime(parent.as_raw_fd(), name, *mtime).or_fault(|| path.clone())?;
    }
    Ok(())
}

/// The directory a path is in, made if it is not there, and its last name.
fn place<'a>(root: &OwnedFd, path: &'a str) -> os::Result<(OwnedFd, &'a str)> {
    let (parent, name) = path.rsplit_once('/').unwrap_or((".", path));
    let flags = libc::O_PATH | libc::O_DIRECTORY;
    match os::openat2(root.as_raw_fd(), parent, flags, BENEATH) {
        Err(libc::ENOENT) => {
            let (above, last) = place(root, parent)?;
            let last = os::c(last)?;
            // SAFETY: the name is NUL-terminated.
            check(unsafe { libc::mkdirat(above.as_raw_fd(), last.as_ptr(), 0o755) })?;
            os::openat2(root.as_raw_fd(), parent, flags, BENEATH).map(|fd| (fd, name))
        }
        other => other.map(|fd| (fd, name)),
    }
}

fn unpack(root: &OwnedFd, path: &str, entry: &mut Entry<'_, &[u8]>) -> os::Result<()> {
    let (parent, name) = place(root, path)?;
    let dir = parent.as_raw_fd();
    if name == OPAQUE {
        return set_opaque(root, path.rsplit_once('/').map_or(".", |(parent, _)| parent));
    }
    if let Some(gone) = name.strip_prefix(WHITEOUT) {
        let gone = os::c(gone)?;
        // SAFETY: the name is NUL-terminated.
        return check(unsafe { libc::mknodat(dir, gone.as_ptr(), libc::S_IFCHR, 0) }).map(drop);
    }
    let header = entry.header();
    let invalid = |_: std::io::Error| libc::EINVAL;
    let (mode, mtime) = (header.mode().map_err(invalid)? & 0o7777, header.mtime().map_err(invalid)?);
    let (uid, gid) = (header.uid().map_err(invalid)? as u32, header.gid().map_err(invalid)? as u32);
    let kind = header.entry_type();
    make(root, dir, name, kind, entry)?;
    let c_name = os::c(name)?;
    // SAFETY: the name is NUL-terminated.
    unsafe {
        check(libc::fchownat(dir, c_name.as_ptr(), uid, gid, libc::AT_SYMLINK_NOFOLLOW))?;
        if kind != EntryType::Symlink {
            check(libc::fchmodat(dir, c_name.as_ptr(), mode, 0))?;
        }
    }
    set_mtime(dir, name, mtime)
}

/// Makes the file itself; owner, mode and time come after.
fn make(root: &OwnedFd, dir: RawFd, name: &str, kind: EntryType, entry: &mut Entry<'_, &[u8]>) -> os::Result<()> {
    let c_name = os::c(name)?;
    let link = || entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned());
    // SAFETY: names are NUL-terminated.
    unsafe {
        match kind {
            EntryType::Directory => match check(libc::mkdirat(dir, c_name.as_ptr(), 0o755)) {
                Err(libc::EEXIST) => Ok(()),
                other => other.map(drop),
            },
            EntryType::Regular => {
                let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_NOFOLLOW | libc::O_CLOEXEC;
                let fd = check(libc::openat(dir, c_name.as_ptr(), flags, 0o600))?;
                let mut file: File = std::os::fd::FromRawFd::from_raw_fd(fd);
                let mut data = Vec::new();
                entry.read_to_end(&mut data).and_then(|_| file.write_all(&data)).map_err(|_| libc::EIO)
            }
            EntryType::Symlink => {
                let target = os::c(link().unwrap_or_default())?;
                check(libc::symlinkat(target.as_ptr(), dir, c_name.as_ptr())).map(drop)
            }
            EntryType::Link => {
                let target = link().unwrap_or_default();
                let (target_dir, target) = place(root, target.trim_start_matches('/'))?;
                let target = os::c(target)?;
                check(libc::linkat(target_dir.as_raw_fd(), target.as_ptr(), dir, c_name.as_ptr(), 0)).map(drop)
            }
            EntryType::Fifo => check(libc::mknodat(dir, c_name.as_ptr(), libc::S_IFIFO | 0o600, 0)).map(drop),
            _ => Err(libc::ENOTSUP),
        }
    }
}

fn set_opaque(root: &OwnedFd, path: &str) -> os::Result<()> {
    let dir = os::openat2(root.as_raw_fd(), path, libc::O_RDONLY | libc::O_DIRECTORY, BENEATH)?;
    // SAFETY: the name is NUL-terminated and the value's length is passed.
    check(unsafe { libc::fsetxattr(dir.as_raw_fd(), OPAQUE_XATTR.as_ptr(), c"y".as_ptr().cast(), 1, 0) }).map(drop)
}

fn set_mtime(dir: RawFd, name: &str, seconds: u64) -> os::Result<()> {
    let name = os::c(name)?;
    let time = |tv_nsec| libc::timespec { tv_sec: seconds as _, tv_nsec };
    let times = [time(libc::UTIME_OMIT), time(0)];
    // SAFETY: the name is NUL-terminated; two timespecs, as utimensat(2) wants.
    check(unsafe { libc::utimensat(dir, name.as_ptr(), times.as_ptr(), libc::AT_SYMLINK_NOFOLLOW) }).map(drop)
}
