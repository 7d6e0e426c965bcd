//! Settings files for one run. The server reads settings only from files.

use std::path::PathBuf;

use channelstream::settings::SettingsFile;
use tempfile::TempDir;

thread_local! {
    /// A folder for the files of this thread, which is removed with it.
    static FOLDER: TempDir = TempDir::new().expect("a folder for settings files");
}

/// Writes a settings file, in the format of its ending.
pub(crate) fn write(ending: &str, text: &[u8]) -> SettingsFile {
    let path: PathBuf = FOLDER.with(|folder| folder.path().join(format!("settings.{ending}")));
    std::fs::write(&path, text).expect("a settings file can be written");
    SettingsFile::by_extension(path)
}
