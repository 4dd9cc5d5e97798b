//! What a run of ffmpeg must be able to open: what its argument list names, and nothing else.
//!
//! Argument lists are built by `args` and contain no user input where a file may be named.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// What a list of arguments names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// Files that are inputs.
    pub(super) read: Vec<PathBuf>,
    /// Folders that outputs lie in.
    pub(super) write: Vec<PathBuf>,
    /// The port of an input at this machine's loopback address.
    pub(super) port: Option<u16>,
    /// True when a graphics card encodes.
    pub(super) graphics: bool,
    /// True when pictures are decoded or encoded.
    pub(super) pictures: bool,
}

/// Reads arguments of ffmpeg or ffprobe that run in the folder `dir`, or in this process's.
///
/// What follows `-i` is an input. Any other absolute path is an output; a relative one lies in `dir`.
pub(super) fn of(args: &[OsString], dir: Option<&Path>) -> Reach {
    let mut reach = Reach { pictures: true, ..Reach::default() };
    reach.write.extend(dir.map(Path::to_owned));
    let here = || dir.map(Path::to_owned).or_else(|| std::env::current_dir().ok());
    let mut is_input = false;
    for arg in args {
        let named = OsStr::from_bytes(whole(arg.as_bytes()));
        let path = Path::new(OsStr::from_bytes(
            named.as_bytes().strip_prefix(b"file:").unwrap_or(named.as_bytes()),
        ));
        if std::mem::take(&mut is_input) {
            match loopback_port(named) {
                Some(port) => reach.port = Some(port),
                None => reach.read.extend(here().map(|here| here.join(path))),
            }
        } else if path.is_absolute() && !path.starts_with("/dev") {
            reach.write.extend(path.parent().map(folder));
        }
        match arg.as_bytes() {
            b"-i" => is_input = true,
            b"-vn" => reach.pictures = false,
            other => reach.graphics |= other.ends_with(b"_nvenc"),
        }
    }
    reach.write.dedup();
    reach
}

/// What an input is a part of, where it is one: `subfile,,start,N,end,N,,:WHOLE`.
fn whole(input: &[u8]) -> &[u8] {
    let end = b",,:";
    let part = input.strip_prefix(b"subfile,");
    let whole =
        part.and_then(|it| Some(&it[it.windows(end.len()).position(|at| at == end)? + 3..]));
    whole.unwrap_or(input)
}

/// The port of `http://127.0.0.1:PORT/…`.
fn loopback_port(input: &OsStr) -> Option<u16> {
    let rest = input.to_str()?.strip_prefix("http://127.0.0.1:")?;
    rest.split('/').next()?.parse().ok()
}

/// A folder whose `%` may be doubled, for an output whose name is a pattern.
fn folder(written: &Path) -> PathBuf {
    if written.exists() {
        return written.to_owned();
    }
    let bytes = written.as_os_str().as_bytes();
    let mut single = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if !(*byte == b'%' && single.last() == Some(&b'%')) {
            single.push(*byte);
        }
    }
    OsString::from_vec(single).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(args: &str, dir: Option<&str>) -> Reach {
        let args: Vec<OsString> = args.split(' ').map(OsString::from).collect();
        of(&args, dir.map(Path::new))
    }

    #[test]
    fn inputs_are_read_and_folders_of_outputs_written() {
        let found = reach(
            "-copyts -i file:/in/a.mp4 -i file:/m/0.png -vf scale=1:1 -f mp4 /out/0.mp4 -f null - \
             -f framecrc /times/a.crc",
            None,
        );
        assert_eq!(found.read, [Path::new("/in/a.mp4"), Path::new("/m/0.png")]);
        assert_eq!(found.write, [Path::new("/out"), Path::new("/times")]);
        assert_eq!((found.port, found.graphics, found.pictures), (None, false, true));
    }

    #[test]
    fn an_address_of_the_relay_is_a_port_and_no_file() {
        let found = reach("-vn -i http://127.0.0.1:4711/secret/a -f f32le pipe:1", None);
        assert_eq!((found.port, found.pictures), (Some(4711), false));
        assert!(found.read.is_empty() && found.write.is_empty());
        for other in ["http://127.0.0.2:1/a", "https://127.0.0.1:1/a", "http://127.0.0.1:99999/"] {
            assert_eq!(reach(&format!("-i {other}"), None).port, None);
        }
    }

    #[test]
    fn a_part_reaches_what_it_is_a_part_of() {
        let found = reach("-i subfile,,start,10,end,20,,:file:/in/a,,:b.ts", None);
        assert_eq!(found.read, [Path::new("/in/a,,:b.ts")]);
        let found = reach("-i subfile,,start,10,end,20,,:http://127.0.0.1:4711/a", None);
        assert_eq!((found.port, found.read.len()), (Some(4711), 0));
    }

    #[test]
    fn relative_names_lie_in_the_folder_of_the_run() {
        let found = reach("-i file:canvas.png -c:v h264_nvenc mark.png", Some("/scratch/x"));
        assert_eq!(found.read, [Path::new("/scratch/x/canvas.png")]);
        assert_eq!(found.write, [Path::new("/scratch/x")]);
        assert!(found.graphics);
    }

    #[test]
    fn devices_open_no_folder_and_patterns_are_unfolded() {
        assert!(reach("-f null /dev/null", None).write.is_empty());
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("100%");
        fs_err::create_dir(&odd).unwrap();
        let found = reach(&format!("{}%/sheet-%05d.jpg", odd.display()), None);
        assert_eq!(found.write, [odd]);
    }
}
