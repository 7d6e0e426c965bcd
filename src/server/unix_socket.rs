//! Opens Unix sockets to listen on.

use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

/// Listens on a Unix socket, on which up to `backlog` connections may wait to be accepted. Replaces
/// the socket file of a server that has ended.
///
/// # Errors
/// Fails when the path belongs to another kind of file or to a socket on which a server listens, or
/// when the socket cannot be created.
pub(super) fn listen(path: &Path, backlog: i32) -> Result<UnixListener> {
    let address = SockAddr::unix(path)?;
    remove_stale(path, &address)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&address)?;
    socket.listen(backlog)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Removes the file of a socket on which no server listens any more.
fn remove_stale(path: &Path, address: &SockAddr) -> Result<()> {
    let Ok(metadata) = path.symlink_metadata() else {
        // The path is free, or the error of `bind` will say what is wrong with it.
        return Ok(());
    };
    if !metadata.file_type().is_socket() {
        return Err(Error::other(
            "the file exists and is not a socket; remove it, or choose another path",
        ));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        // A server listens, even if its queue of connections is full.
        Ok(()) => Err(in_use()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(in_use()),
        Err(error) => Err(error),
    }
}

fn in_use() -> Error {
    Error::new(
        ErrorKind::AddrInUse,
        "another process listens on it; stop that process, or choose another path",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free_path() -> std::path::PathBuf {
        std::env::temp_dir().join(format!("{}.sock", uuid::Uuid::new_v4()))
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_refused() {
        let path = free_path();
        let first = listen(&path, 1).unwrap();
        let error = listen(&path, 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        drop(first);
        assert!(path.exists());
        drop(listen(&path, 1).unwrap());
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn another_file_is_left_alone() {
        let path = free_path();
        fs::write(&path, "text").unwrap();
        assert!(
            listen(&path, 1)
                .unwrap_err()
                .to_string()
                .contains("not a socket")
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        fs::remove_file(&path).unwrap();
    }
}
