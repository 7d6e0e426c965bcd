//! Finds out whether a folder is on a network file system.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// File systems whose locks or shared memory SQLite cannot rely on.
const NETWORK: &[&str] = &[
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "davfs",
    "fuse.ceph-fuse",
    "fuse.curlftpfs",
    "fuse.davfs2",
    "fuse.gcsfuse",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb",
    "smb2",
    "smb3",
    "smbfs",
];

/// Returns the kind of the network file system that a folder is on; `None` if the folder is not on
/// one, or if that cannot be found out. The folder must be absolute, without links.
pub(super) fn network_file_system(folder: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    kind_of(folder, &mounts).filter(|kind| NETWORK.contains(&kind.as_str()))
}

/// Returns the kind of file system that a folder is on, according to the text of `mountinfo`.
fn kind_of(folder: &Path, mounts: &str) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let point = unescape(place.split(' ').nth(4)?);
        let kind = kind.split(' ').next()?;
        folder.starts_with(&point).then(|| (point, kind.to_owned()))
    });
    // If several file systems are mounted at the same place, only the last is visible.
    let (_, kind) = mounts.max_by_key(|(point, _)| point.components().count())?;
    Some(kind)
}

/// Reads a path in which blanks are written as octal escapes.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..3).filter(|_| byte == b'\\');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        if let Some(escaped) = code.and_then(|code| u8::from_str_radix(code, 8).ok()) {
            bytes.push(escaped);
            rest = after.get(3..).unwrap_or_default();
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = r"
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:35 / /srv/data rw - nfs4 server:/data rw
41 40 0:36 / /srv/data/local rw shared:7 - xfs /dev/vdb rw
42 22 0:37 / /srv/my\040files rw - cifs //server/files rw
43 22 0:38 / /mnt rw - nfs server:/ rw
44 43 0:39 / /mnt rw - tmpfs none rw
";

    #[test]
    fn a_folder_has_the_kind_of_the_innermost_and_latest_mount() {
        for (folder, kind) in [
            ("/var/lib", "ext4"),
            ("/srv/data", "nfs4"),
            ("/srv/database", "ext4"),
            ("/srv/data/deep/down", "nfs4"),
            ("/srv/data/local/x", "xfs"),
            ("/srv/my files/x", "cifs"),
            ("/mnt/x", "tmpfs"),
        ] {
            let found = kind_of(Path::new(folder), MOUNTS);
            assert_eq!(found.as_deref(), Some(kind), "{folder}");
        }
    }

    #[test]
    fn the_folder_of_temporary_files_is_on_no_network() {
        assert_eq!(network_file_system(&std::env::temp_dir()), None);
    }
}
