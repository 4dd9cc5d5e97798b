//! What a program consists of besides the system's libraries: its file, what it was installed with,
//! and the program that interprets it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Interpreters of interpreters that are followed.
const INTERPRETERS_MAX: usize = 4;
/// Libraries beside a program that are taken.
const BESIDE_MAX: usize = 256;
/// What stands beside a folder of programs and belongs to them.
const SIBLINGS: &[&str] = &["bin", "lib", "lib64", "libexec", "share", "pyvenv.cfg"];
/// Bytes of a program that are looked at: the kernel reads no longer `#!` line.
const START: usize = 256;

/// A program that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Installation {
    /// Its file.
    pub(crate) program: PathBuf,
    /// What it is.
    pub(crate) form: Form,
    /// What it reads and executes of its own.
    pub(crate) parts: Vec<PathBuf>,
}

/// What a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Machine code of this machine's kind.
    Native,
    /// A text that another program interprets.
    Script,
    /// Anything else; system calls of its kind may have other numbers.
    Foreign,
}

type Known = HashMap<PathBuf, (Identity, Arc<Installation>)>;
/// What tells a file from one that replaced it.
type Identity = (u64, u64, i64);

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

/// Finds a program, in PATH unless its name holds a slash; remembers what it found.
pub(crate) fn find(program: &OsStr) -> Option<Arc<Installation>> {
    let path = locate(program)?;
    let meta = fs_err::metadata(&path).ok()?;
    let identity = (meta.dev(), meta.ino(), meta.mtime());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    match known.get(&path) {
        Some((same, found)) if *same == identity => Some(Arc::clone(found)),
        _ => {
            let found = Arc::new(examine(&path));
            known.insert(path, (identity, Arc::clone(&found)));
            Some(found)
        }
    }
}

fn locate(program: &OsStr) -> Option<PathBuf> {
    let runs = |path: &Path| {
        fs_err::metadata(path).is_ok_and(|meta| meta.is_file() && meta.mode() & 0o111 != 0)
    };
    if program.as_bytes().contains(&b'/') {
        return std::path::absolute(program).ok().filter(|path| runs(path));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| runs(path))
}

fn examine(program: &Path) -> Installation {
    let start = start(program);
    let form = form(&start);
    let mut parts = Vec::new();
    let (mut next, mut first) = (Some(program.to_owned()), Some(start));
    for _ in 0..INTERPRETERS_MAX {
        let Some(path) = next.take() else { break };
        let start = first.take().unwrap_or_else(|| self::start(&path));
        let whole = fs_err::canonicalize(&path).unwrap_or_else(|_| path.clone());
        parts.extend([&path, &whole].into_iter().flat_map(|path| around(path)));
        next = interpreter(&start);
    }
    parts.dedup();
    Installation { program: program.to_owned(), form, parts }
}

/// The file, and what was installed with it: what stands beside its folder where that is one of
/// programs, else the libraries in the folder itself.
fn around(program: &Path) -> Vec<PathBuf> {
    let mut parts = vec![program.to_owned()];
    let Some(folder) = program.parent() else { return parts };
    if matches!(folder.file_name().and_then(OsStr::to_str), Some("bin" | "sbin" | "libexec")) {
        let prefix = folder.parent().unwrap_or(folder);
        parts.extend(SIBLINGS.iter().map(|name| prefix.join(name)));
        return parts;
    }
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    let libraries = entries.filter(|entry| entry.file_name().to_string_lossy().contains(".so"));
    parts.extend(libraries.take(BESIDE_MAX).map(|entry| entry.path()));
    parts
}

fn start(program: &Path) -> Vec<u8> {
    let mut start = Vec::new();
    let file = fs_err::File::open(program);
    let _ = file.and_then(|file| file.take(START as u64).read_to_end(&mut start));
    start
}

/// ELF for 64 bits with our machine's number (ELF-64 Object File Format, version 1.5), or `#!`.
fn form(start: &[u8]) -> Form {
    let machine: u16 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };
    if start.starts_with(b"#!") {
        Form::Script
    } else if start.starts_with(b"\x7fELF\x02") && start.get(18..20) == Some(&machine.to_le_bytes())
    {
        Form::Native
    } else {
        Form::Foreign
    }
}

/// The program in a `#!` line; the one that `env` would find where that is `env`.
fn interpreter(start: &[u8]) -> Option<PathBuf> {
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let mut words =
        line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).map(OsStr::from_bytes);
    let first = PathBuf::from(words.next()?);
    if first.file_name() != Some(OsStr::new("env")) {
        return Some(first);
    }
    let option =
        |word: &&OsStr| word.as_bytes().starts_with(b"-") || word.as_bytes().contains(&b'=');
    locate(words.find(|word| !option(word))?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn program(path: &Path, text: &str) {
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_program_in_an_environment_of_python_brings_its_modules() {
        let dir = tempfile::tempdir().unwrap();
        let venv = dir.path().join("venv");
        let python = dir.path().join("python/bin/python3.11");
        program(&python, "\x7fELF");
        let script = venv.join("bin/tool");
        let named = venv.join("bin/python");
        program(&script, &format!("#! {} -E\nimport tool\n", named.display()));
        symlink(&python, &named).unwrap();
        let link = dir.path().join("links/tool");
        fs_err::create_dir(link.parent().unwrap()).unwrap();
        symlink(&script, &link).unwrap();
        let found = find(link.as_os_str()).unwrap();
        assert_eq!((found.program.as_path(), found.form), (link.as_path(), Form::Script));
        for part in [&script, &named, &python, &venv.join("lib"), &dir.path().join("python/lib")] {
            assert!(found.parts.contains(part), "{part:?} of {:?}", found.parts);
        }
        assert!(!found.parts.iter().any(|part| dir.path().starts_with(part)));
    }

    #[test]
    fn beside_a_program_of_its_own_folder_only_libraries_are_taken() {
        let dir = tempfile::tempdir().unwrap();
        let tool = dir.path().join("tool");
        program(&tool, "\x7fELF");
        for name in ["libx.so.1", "notes.txt"] {
            fs_err::write(dir.path().join(name), "").unwrap();
        }
        let found = find(tool.as_os_str()).unwrap();
        assert!(found.parts.contains(&dir.path().join("libx.so.1")));
        assert!(!found.parts.contains(&dir.path().join("notes.txt")));
        assert!(!found.parts.contains(&dir.path().to_owned()));
    }

    #[test]
    fn what_is_not_there_is_not_found_and_what_is_replaced_is_looked_at_again() {
        let dir = tempfile::tempdir().unwrap();
        let tool = dir.path().join("tool");
        assert!(find(tool.as_os_str()).is_none() && find(OsStr::new("no-such-tool")).is_none());
        program(&tool, "#!/bin/sh\n");
        assert_eq!(find(tool.as_os_str()).unwrap().form, Form::Script);
        let other = dir.path().join("other");
        program(&other, "MZ");
        fs_err::rename(&other, &tool).unwrap();
        assert_eq!(find(tool.as_os_str()).unwrap().form, Form::Foreign);
        assert_eq!(find(OsStr::new("sh")).unwrap().form, Form::Native);
    }
}
