//! Child processes: every program that this project starts is started here.
//!
//! A child leads its own process group, dies with this process (parent-death signal), and dies with
//! its handle, its whole group included. What a program prints is not interpreted here.

mod contained;
pub(crate) mod memory;
pub(crate) mod movement;
mod reach;
mod spawner;
mod watch;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use contain::{Cage, Policy};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getpid, getppid};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

use crate::Error;
use crate::failure::judge;
use crate::log::Log;
use contained::Contained;
pub(crate) use contained::Given;
pub use contained::within;
use watch::Watch;

/// Most bytes of standard output that [`Command::output`] keeps; the beginning is kept.
pub const STDOUT_MAX: usize = 16 << 20;
/// Most bytes of standard error that are kept; the end is kept.
pub const STDERR_MAX: usize = 64 << 10;
/// How long a dropped child is waited for; a killed process takes milliseconds to go.
const REAP_MAX: Duration = Duration::from_millis(500);

/// A program to start, with its arguments, surroundings and limits.
///
/// Standard input is empty unless it is fed; standard output and error are pipes unless redirected.
#[derive(Debug)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    env_clear: bool,
    contained: Option<Box<Contained>>,
    current_dir: Option<PathBuf>,
    nice: Option<i32>,
    file_size_limit: Option<u64>,
    stdin: Stdio,
    stdout: Stdio,
    stderr: Stdio,
}

impl Command {
    /// A command without arguments; `program` is looked up in PATH unless it holds a slash.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            env_clear: false,
            contained: None,
            current_dir: None,
            nice: None,
            file_size_limit: None,
            stdin: Stdio::null(),
            stdout: Stdio::piped(),
            stderr: Stdio::piped(),
        }
    }

    /// Adds one argument. No shell ever sees it.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments in order.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets one environment variable.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Starts from an empty environment instead of this process's; variables set with
    /// [`Self::env`] stay.
    #[must_use]
    pub fn env_clear(mut self) -> Self {
        self.env_clear = true;
        self
    }

    /// Holds the program to a policy, and gives it a clean environment: variables set with
    /// [`Self::env`] stay.
    #[must_use]
    pub fn contained(mut self, policy: Policy) -> Self {
        self.contained = Some(Box::new(Contained::new(policy, false)));
        self
    }

    /// The same for ffmpeg and ffprobe, which may also open what their arguments name.
    #[must_use]
    pub fn contained_by_arguments(mut self, policy: Policy) -> Self {
        self.contained = Some(Box::new(Contained::new(policy, true)));
        self
    }

    /// Also lets a contained program write into a folder.
    #[must_use]
    pub(crate) fn writing(mut self, dir: &Path) -> Self {
        self.contained.iter_mut().for_each(|contained| contained.writing(dir));
        self
    }

    /// Stops a contained program when less than this is free on the disk that it writes to.
    #[must_use]
    pub(crate) fn disk_free_min(mut self, bytes: u64) -> Self {
        self.contained.iter_mut().for_each(|contained| contained.disk_free_min(bytes));
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn current_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.current_dir = Some(path.into());
        self
    }

    /// Lowers the scheduling priority by `steps` (1 to 19).
    #[must_use]
    pub fn nice(mut self, steps: i32) -> Self {
        self.nice = Some(steps);
        self
    }

    /// Limits every file the program writes to `bytes`; one byte more kills it with SIGXFSZ.
    #[must_use]
    pub fn file_size_limit(mut self, bytes: u64) -> Self {
        self.file_size_limit = Some(bytes);
        self
    }

    /// Makes standard input a pipe, which [`Child::take_stdin`] gives.
    #[must_use]
    pub fn fed(mut self) -> Self {
        self.stdin = Stdio::piped();
        self
    }

    /// Sends standard output elsewhere than to a pipe.
    #[must_use]
    pub fn stdout(mut self, target: impl Into<Stdio>) -> Self {
        self.stdout = target.into();
        self
    }

    /// Sends standard error elsewhere than to a pipe.
    #[must_use]
    pub fn stderr(mut self, target: impl Into<Stdio>) -> Self {
        self.stderr = target.into();
        self
    }

    /// The program and its arguments, for logs and golden tests.
    pub fn argv(&self) -> Vec<OsString> {
        std::iter::once(&self.program).chain(&self.args).cloned().collect()
    }

    /// Puts arguments before those given so far.
    #[must_use]
    pub(crate) fn args_first<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.splice(0..0, args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// The program's name for messages.
    pub(crate) fn program(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }

    /// Starts the program. Needs a tokio runtime around it, which will drive the pipes.
    ///
    /// Run twice, it starts two processes.
    pub fn spawn(self) -> Result<Child, Error> {
        memory::watch();
        let program = self.program();
        let missing_dir = self.current_dir.as_ref().is_some_and(|dir| !dir.is_dir());
        let spawned =
            self.into_tokio().and_then(|(command, given)| Ok((spawner::spawn(command)?, given)));
        let (spawned, given) = spawned.map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound if !missing_dir => {
                Error::ToolMissing { program: program.clone() }
            }
            _ => Error::Spawn { program: program.clone(), source },
        })?;
        let id = spawned.id().ok_or_else(|| Error::Spawn {
            program: program.clone(),
            source: std::io::Error::other("it has no process id"),
        })?;
        let watch = Watch::start(&program, id);
        Ok(Child { inner: spawned, id, program, ended: false, given, watch })
    }

    /// Runs the program to its end and captures what it prints, within [`STDOUT_MAX`] and
    /// [`STDERR_MAX`]; the rest is read and thrown away. A failing exit status is no error here.
    ///
    /// After `timeout`, or when the future is dropped, the group is killed.
    pub async fn output(mut self, timeout: Duration) -> Result<Output, Error> {
        self.contained.iter_mut().for_each(|contained| contained.for_at_most(timeout));
        let mut child = self.spawn()?;
        let (program, given) = (child.program.clone(), child.given());
        let (stdout, stderr) = (child.take_stdout(), child.take_stderr());
        let all = async { tokio::try_join!(child.wait(), read_head(stdout), read_tail(stderr)) };
        let (status, (stdout, truncated), stderr) = tokio::time::timeout(timeout, all)
            .await
            .map_err(|_| Error::Timeout { program, after: timeout })??;
        Ok(Output { status, stdout, stderr, truncated, given })
    }

    /// The command as the system takes it, with what it may use.
    fn into_tokio(mut self) -> std::io::Result<(tokio::process::Command, Arc<Given>)> {
        let Some(contained) = self.contained.take() else {
            return Ok((self.surrounded(None), Arc::default()));
        };
        let built = contained.build(
            &self.program,
            &self.args,
            self.current_dir.as_deref(),
            self.file_size_limit,
        )?;
        if let Some(variables) = built.environment {
            self.env_clear = true;
            self.env.splice(0..0, variables);
        }
        self.program = built.cage.program().into();
        Ok((self.surrounded(Some(built.cage)), built.given))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts programs")]
    fn surrounded(self, cage: Option<Cage>) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.args).stdin(self.stdin).stdout(self.stdout).stderr(self.stderr);
        if self.env_clear {
            command.env_clear();
        }
        command.envs(self.env).process_group(0);
        if let Some(dir) = &self.current_dir {
            command.current_dir(dir);
        }
        prepare(&mut command, self.nice, self.file_size_limit, cage);
        command
    }
}

/// Arranges what the child does to itself between fork and exec.
#[expect(unsafe_code, reason = "only pre_exec can set a parent-death signal and limits in a child")]
fn prepare(
    command: &mut tokio::process::Command,
    nice: Option<i32>,
    file_size: Option<u64>,
    cage: Option<Cage>,
) {
    let parent = getpid();
    let in_child = move || {
        prctl::set_pdeathsig(Some(Signal::SIGKILL))?;
        // The parent may have died before the line above took effect.
        if getppid() != parent {
            return Err(std::io::Error::from(nix::errno::Errno::ESRCH));
        }
        if let Some(bytes) = file_size {
            setrlimit(Resource::RLIMIT_FSIZE, bytes, bytes)?;
        }
        if let Some(steps) = nice {
            // SAFETY: a plain system call. Its result says nothing by itself (-1 is a valid
            // priority), and a program at normal priority is better than none.
            unsafe { nix::libc::nice(steps) };
        }
        // Last, as it refuses calls that the lines above make.
        cage.as_ref().map_or(Ok(()), Cage::enter)
    };
    // SAFETY: the closure makes system calls only; it neither allocates nor takes a lock, so it is
    // safe between fork and exec of a multi-threaded process.
    unsafe { command.pre_exec(in_child) };
}

/// How a program ended and what it printed.
#[derive(Debug)]
pub struct Output {
    /// Exit status.
    pub status: ExitStatus,
    /// Beginning of standard output.
    pub stdout: Vec<u8>,
    /// End of standard error.
    pub stderr: Vec<u8>,
    /// True when standard output was longer than [`STDOUT_MAX`].
    pub truncated: bool,
    pub(crate) given: Arc<Given>,
}

/// A running program. Dropping it kills its whole process group and reaps it.
#[derive(Debug)]
pub struct Child {
    inner: tokio::process::Child,
    id: u32,
    program: String,
    ended: bool,
    given: Arc<Given>,
    watch: Watch,
}

impl Child {
    /// Process id, which is the id of its group too.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The program as it was asked for.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Takes the write end of standard input; `None` the second time, or when it is not fed.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.inner.stdin.take()
    }

    /// Takes the read end of standard output; `None` the second time, or when redirected.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.inner.stdout.take()
    }

    /// Takes the read end of standard error; `None` the second time, or when redirected.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.inner.stderr.take()
    }

    /// What it may use.
    pub(crate) fn given(&self) -> Arc<Given> {
        Arc::clone(&self.given)
    }

    /// Judges its end, of which `log` is what it said.
    pub(crate) fn judge(&self, status: ExitStatus, log: &Log) -> Result<(), Error> {
        judge(&self.program, status, log, &self.given)
    }

    /// Waits for the program to end, then kills what is left of its group. Cancel-safe; called
    /// again, it gives the same status.
    pub async fn wait(&mut self) -> Result<ExitStatus, Error> {
        let status = self.inner.wait().await.map_err(|source| self.wait_failed(source))?;
        self.ended(status);
        Ok(status)
    }

    /// The status, if the program has ended. Does not wait.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>, Error> {
        let status = self.inner.try_wait().map_err(|source| self.wait_failed(source))?;
        if let Some(status) = status {
            self.ended(status);
        }
        Ok(status)
    }

    /// Asks the whole group to end (SIGTERM) and kills it after `grace`. Called again, or after the
    /// program has ended, it gives the status and signals nobody.
    pub async fn terminate(&mut self, grace: Duration) -> Result<ExitStatus, Error> {
        if let Some(status) = self.try_wait()? {
            return Ok(status);
        }
        self.signal_group(Signal::SIGTERM);
        if let Ok(status) = tokio::time::timeout(grace, self.wait()).await {
            return status;
        }
        self.signal_group(Signal::SIGKILL);
        self.wait().await
    }

    /// The leader has just been reaped. Its number stays the group's as long as the group has
    /// members, so what is signalled here is that group or nobody.
    fn ended(&mut self, status: ExitStatus) {
        self.watch.ended(status);
        if !self.ended {
            self.ended = true;
            self.signal_group(Signal::SIGKILL);
        }
    }

    fn signal_group(&self, signal: Signal) {
        // A process id always fits; an empty group (ESRCH) is what we want in the end.
        if let Ok(id) = i32::try_from(self.id) {
            let _ = killpg(Pid::from_raw(id), signal);
        }
    }

    fn wait_failed(&self, source: std::io::Error) -> Error {
        Error::Io { action: format!("wait for `{}`", self.program), source }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.signal_group(Signal::SIGKILL);
        // Waiting here, although it blocks, means that nothing is written after the drop, so the
        // caller can delete what the program left. Past the limit tokio reaps in the background.
        let started = Instant::now();
        while matches!(self.inner.try_wait(), Ok(None)) && started.elapsed() < REAP_MAX {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

async fn read_head(pipe: Option<impl AsyncRead + Unpin>) -> Result<(Vec<u8>, bool), Error> {
    let Some(mut pipe) = pipe else { return Ok((Vec::new(), false)) };
    let mut head = Vec::new();
    let limit = STDOUT_MAX as u64;
    let read = (&mut pipe).take(limit).read_to_end(&mut head).await;
    read.map_err(read_failed)?;
    let rest = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await.map_err(read_failed)?;
    Ok((head, rest > 0))
}

async fn read_tail(pipe: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, Error> {
    let Some(mut pipe) = pipe else { return Ok(Vec::new()) };
    let mut tail = Vec::new();
    while pipe.read_buf(&mut tail).await.map_err(read_failed)? > 0 {
        if tail.len() > 2 * STDERR_MAX {
            tail.drain(..tail.len() - STDERR_MAX);
        }
    }
    tail.drain(..tail.len().saturating_sub(STDERR_MAX));
    Ok(tail)
}

fn read_failed(source: std::io::Error) -> Error {
    Error::Io { action: "read what a program prints".into(), source }
}
