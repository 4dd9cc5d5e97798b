//! The environment variables that a child gets: those that never contain secrets.

use std::ffi::OsString;

/// Variables handed on where they are set: where programs, libraries and fonts are, the language, and
/// which graphics card to use.
pub const KEPT: &[&str] = &[
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "LD_LIBRARY_PATH",
    "FONTCONFIG_FILE",
    "FONTCONFIG_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
];

/// Those of [`KEPT`] that this process has.
pub fn kept() -> Vec<(OsString, OsString)> {
    let value = |name: &&str| std::env::var_os(name).map(|value| (OsString::from(name), value));
    KEPT.iter().filter_map(value).collect()
}
