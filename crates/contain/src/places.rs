//! Where systems keep what every program needs. Paths that are not there are left out when they are
//! used; folders that may hold data or secrets, such as `/etc`, are not listed whole.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Programs and libraries of the system, to read and to execute.
pub(crate) const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/run/current-system",
    "/run/opengl-driver",
];

/// Settings that libraries read: of the loader, of names, of time and language, of certificates, of
/// fonts, and of drivers; and what the kernel says of processors and memory.
pub(crate) const READ: &[&str] = &[
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/alternatives",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/group",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/gai.conf",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/locale.alias",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/ca-certificates",
    "/etc/pki/tls",
    "/etc/pki/ca-trust",
    "/etc/crypto-policies",
    "/etc/fonts",
    "/etc/OpenCL",
    "/etc/vulkan",
    "/etc/glvnd",
    "/etc/nvidia",
    "/etc/python3",
    "/etc/python3.11",
    "/var/cache/fontconfig",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/version",
    "/proc/filesystems",
    "/proc/sys/kernel",
    "/proc/sys/vm",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
    "/dev/random",
    "/dev/urandom",
];

/// Devices that hold nothing.
pub(crate) const USED: &[&str] = &["/dev/null", "/dev/zero", "/dev/full"];

/// Below the home folder: fonts, how they are chosen, and what was found out about them.
const FONTS: &[&str] =
    &[".fonts", ".fonts.conf", ".local/share/fonts", ".config/fontconfig", ".cache/fontconfig"];

/// What drivers of graphics cards read.
const DRIVERS: &[&str] = &[
    "/proc/devices",
    "/proc/modules",
    "/proc/driver/nvidia",
    "/sys/bus/pci",
    "/sys/class/drm",
    "/sys/dev/char",
    "/sys/devices",
    "/sys/module",
];

/// Places to read that depend on the machine: where the loader is told to look for libraries, and
/// where fonts are. Looked for once.
pub(crate) static OTHERS: LazyLock<Vec<PathBuf>> = LazyLock::new(|| {
    let mut found = libraries(Path::new("/etc"));
    let listed = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    found.extend(std::env::split_paths(&listed).filter(|path| path.is_absolute()));
    let named = ["FONTCONFIG_FILE", "FONTCONFIG_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"];
    found.extend(named.iter().filter_map(std::env::var_os).map(PathBuf::from));
    if let Some(home) = std::env::var_os("HOME").map(PathBuf::from) {
        found.extend(FONTS.iter().map(|name| home.join(name)));
    }
    found
});

/// The folders in `ld.so.conf` and in the files beside it, below the folder of settings.
fn libraries(settings: &Path) -> Vec<PathBuf> {
    let mut files = vec![settings.join("ld.so.conf")];
    let more = fs_err::read_dir(settings.join("ld.so.conf.d")).into_iter().flatten().flatten();
    files.extend(more.map(|entry| entry.path()));
    let texts = files.iter().filter_map(|file| fs_err::read_to_string(file).ok());
    texts
        .flat_map(|text| text.lines().map(|line| PathBuf::from(line.trim())).collect::<Vec<_>>())
        .filter(|path| path.is_absolute() && path.parent().is_some())
        .collect()
}

/// What a graphics card is used through, and what its drivers read.
pub(crate) fn graphics() -> (Vec<PathBuf>, Vec<PathBuf>) {
    let devices = fs_err::read_dir("/dev").into_iter().flatten().flatten().filter(|entry| {
        let name = entry.file_name();
        name == "dri" || name == "shm" || name.to_string_lossy().starts_with("nvidia")
    });
    (devices.map(|entry| entry.path()).collect(), DRIVERS.iter().map(PathBuf::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_libraries_are_read_from_the_loaders_settings() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::create_dir(dir.path().join("ld.so.conf.d")).unwrap();
        let text = "include ld.so.conf.d/*.conf\n# /no\n /opt/a/lib \n/\n";
        fs_err::write(dir.path().join("ld.so.conf"), text).unwrap();
        fs_err::write(dir.path().join("ld.so.conf.d/b.conf"), "/opt/b\n").unwrap();
        assert_eq!(libraries(dir.path()), [Path::new("/opt/a/lib"), Path::new("/opt/b")]);
        assert!(libraries(Path::new("/nowhere")).is_empty());
    }

    #[test]
    fn no_place_of_data_is_open_to_all() {
        for listed in SYSTEM.iter().chain(READ).chain(USED) {
            for closed in [
                "/etc/shadow",
                "/etc/millrace/key",
                "/home/a/x",
                "/root/.aws",
                "/opt/x",
                "/var/lib/millrace/catalog.db",
                "/proc/1/environ",
                "/dev/sda",
                "/tmp/x",
                "/srv/x",
            ] {
                assert!(!Path::new(closed).starts_with(listed), "{listed} opens {closed}");
            }
        }
    }
}
