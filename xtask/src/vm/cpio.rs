//! An initramfs: a cpio archive of the kind "newc", as the kernel unpacks it
//! (Documentation/driver-api/early-userspace/buffer-format.rst).
//!
//! Everything belongs to root and to no time, so the same content gives the same bytes.

/// What tells the end of an archive; it cannot be the name of a file.
const TRAILER: &str = "TRAILER!!!";
/// An archive fills whole blocks, as cpio(1) writes them.
const BLOCK_BYTES: usize = 512;
const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;

#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// What is above it must have been added before.
    pub fn directory(&mut self, path: &str, mode: u32) {
        self.entry(path, DIRECTORY | mode, 2, &[]);
    }

    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.entry(path, FILE | mode, 1, content);
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.header(0, 0, 1, 0, TRAILER);
        self.pad(BLOCK_BYTES);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, links: u32, content: &[u8]) {
        let inode = self.entries;
        self.entries += 1;
        self.header(inode, mode, links, content.len(), path);
        self.bytes.extend_from_slice(content);
        self.pad(4);
    }

    /// Thirteen numbers of eight hexadecimal digits, then the name with its NUL.
    fn header(&mut self, inode: u32, mode: u32, links: u32, length: usize, name: &str) {
        let length = u32::try_from(length).expect("nothing in an initramfs is 4 GiB long");
        let (user, group, time, device) = (0, 0, 0, [0; 4]);
        let mut fields = vec![inode, mode, user, group, links, time, length];
        fields.extend(device);
        fields.extend([name.len() as u32 + 1, 0]);
        self.bytes.extend_from_slice(b"070701");
        fields.iter().for_each(|field| self.bytes.extend_from_slice(format!("{field:08X}").as_bytes()));
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad(4);
    }

    fn pad(&mut self, to: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by GNU cpio 2.13 of Debian 12: tests/record/newc.sh.
    const RECORDED: &[u8] = include_bytes!("../../goldens/initramfs.cpio");

    #[test]
    fn an_archive_is_what_cpio_writes() {
        let mut archive = Archive::default();
        archive.directory("modules", 0o755);
        archive.file("modules/00-overlay.ko", 0o644, b"not a module\n");
        archive.file("init", 0o755, b"#!/bin/sh\n");
        archive.file("empty", 0o600, b"");
        let made = archive.finish();
        assert!(made == RECORDED, "{}\n{}", String::from_utf8_lossy(&made), String::from_utf8_lossy(RECORDED));
    }
}
