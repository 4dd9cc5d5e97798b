//! A real PostgreSQL server for tests, from Debian's binaries, on a Unix socket in a folder of its
//! own.
//!
//! It ends with its handle, and with the test process however that dies: the thread that started it
//! keeps it, because the parent-death signal follows that thread.

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};

use fixtures::tools;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sea_orm::ConnectionTrait;
use tempfile::TempDir;

use crate::place::raw;

/// What the server logs once it answers.
const READY: &str = "database system is ready to accept connections";

/// A running server.
pub(crate) struct Server {
    pid: Pid,
    folder: TempDir,
    keeper: Option<JoinHandle<()>>,
    databases: AtomicU32,
}

impl Server {
    /// Starts a server and waits until it answers; `None` with a printed reason where PostgreSQL is
    /// not installed (in CI that fails).
    pub(crate) fn start() -> Option<Self> {
        let initdb = tools::require_or_skip("initdb")?;
        let postgres = tools::require_or_skip("postgres")?;
        let folder = owned_folder();
        initialise(&initdb, folder.path());
        let mut command = unprivileged(&postgres);
        command.args(["-F", "-c", "listen_addresses=", "-c", "max_connections=200"]);
        command.arg("-k").arg(folder.path()).arg("-D").arg(data(folder.path()));
        let (ready, started) = mpsc::channel();
        let keeper = std::thread::spawn(move || keep(command, &ready));
        let pid = started.recv().unwrap().unwrap_or_else(|log| panic!("start postgres: {log}"));
        Some(Self { pid, folder, keeper: Some(keeper), databases: AtomicU32::new(0) })
    }

    /// Makes an empty database and answers its address.
    pub(crate) async fn create_database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let server = raw(&self.url("postgres")).await;
        server.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        self.url(&name)
    }

    fn url(&self, database: &str) -> String {
        let socket = self.folder.path().to_str().unwrap().replace('/', "%2F");
        format!("postgres://millrace@localhost/{database}?host={socket}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGQUIT ends it at once, with all its own processes; it fails only when it is gone.
        let _ = kill(self.pid, Signal::SIGQUIT);
        if let Some(keeper) = self.keeper.take() {
            drop(keeper.join());
        }
    }
}

/// Runs the server to its end, and answers its process id once it is ready, or else what it said.
fn keep(mut command: Command, ready: &mpsc::Sender<Result<Pid, String>>) {
    let mut server = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_raw(i32::try_from(server.id()).unwrap());
    let mut log = String::new();
    // Reading on to the end keeps the pipe open: a server that cannot log does not work.
    for line in BufReader::new(server.stderr.take().unwrap()).lines().map_while(Result::ok) {
        if line.contains(READY) {
            drop(ready.send(Ok(pid)));
        }
        log = log + &line + "\n";
    }
    server.wait().unwrap();
    // Nobody waits for this any more when the server had been ready.
    drop(ready.send(Err(log)));
}

fn initialise(initdb: &Path, folder: &Path) {
    let mut command = unprivileged(initdb);
    command.args(["-U", "millrace", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "-D"]);
    let made = command.arg(data(folder)).output().unwrap();
    assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// A command that runs as `postgres` when we are root, which the server refuses to be, and that
/// dies with us.
fn unprivileged(program: &Path) -> Command {
    let setpriv =
        tools::find("setpriv").expect("setpriv is part of util-linux, which is essential");
    let mut command = tools::command(setpriv);
    command.args(["--pdeathsig", "QUIT"]);
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    command.arg("--").arg(program).current_dir("/");
    command
}

fn owned_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    if is_root() {
        let users = fs_err::read_to_string("/etc/passwd").unwrap();
        let user = users.lines().find(|line| line.starts_with("postgres:")).unwrap();
        let ids: Vec<_> = user.split(':').skip(2).take(2).map(|id| id.parse().unwrap()).collect();
        fs_err::os::unix::fs::chown(folder.path(), Some(ids[0]), Some(ids[1])).unwrap();
    }
    folder
}

fn is_root() -> bool {
    fs_err::metadata("/proc/self").unwrap().uid() == 0
}
