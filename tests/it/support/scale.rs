//! The duration of attack tests, and the program that they test.

/// Returns `short` in `make test`, and `long` in `make test-attack`, which sets `ATTACK=long`.
pub(crate) fn scaled<T>(short: T, long: T) -> T {
    if std::env::var("ATTACK").is_ok_and(|scale| scale == "long") {
        long
    } else {
        short
    }
}

/// Returns the path of the program under test: the one just built, or the file that
/// `CHANNELSTREAM_PROGRAM` names, to measure an older version.
pub(crate) fn program() -> String {
    std::env::var("CHANNELSTREAM_PROGRAM")
        .unwrap_or_else(|_| env!("CARGO_BIN_EXE_channelstream").to_owned())
}
