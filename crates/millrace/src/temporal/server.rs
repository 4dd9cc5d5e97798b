//! Temporal's dev server as a child on an SQLite file, started again whenever it dies.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use contract::search_attributes;
use ffmpeg::child::{Child, Command};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio_util::sync::CancellationToken;
use url::Url;

/// How long the server may take to end by itself.
const END: Duration = Duration::from_secs(10);
/// A pause before it is started again, so that a server that cannot run does not spin.
const RESTART: Duration = Duration::from_millis(500);
/// How long the server may take until it answers; on a machine with twenty others at work, ten seconds.
const READY_WITHIN: Duration = Duration::from_mins(5);
/// How long it may take to say its version.
const VERSION_WITHIN: Duration = Duration::from_secs(10);
/// The line it then prints.
const READY: &str = "Temporal Server:";
/// Tenants take turns by their fairness keys. Each partition of a queue has turns and an order of its
/// own, so there is one; tasks that an earlier server put into others are still read.
const FAIRNESS: [&str; 3] = [
    "matching.useNewMatcher=true",
    "matching.enableFairness=true",
    "matching.numTaskqueueWritePartitions=1",
];
/// Nobody but our workers has a use for these ways in. The HTTP API takes what any web page sends; it
/// cannot be off, but there is no name by which it is called: none has a slash.
const CLOSED: [&str; 3] = [
    "frontend.httpAllowedHosts=[\"/\"]",
    "activity.enableStandalone=false",
    "nexusoperation.enableStandalone=false",
];
/// How often a start is tried: the server takes three more ports by itself, for its services to call
/// each other by gRPC on loopback, for a moment before it binds them, and ends at once where one was
/// taken.
const STARTS: u16 = 5;
/// Ports tried one after the other.
const TRIES: u16 = 100;
/// Where ports that nobody types are looked for: below the range from which the system gives ports
/// away by itself (ip(7)), and below the ports that tests keep for servers which are yet to start.
const UNTYPED: Range<u16> = 10_000..20_000;
/// Lines of its log in the message about a server that does not start.
const TOLD_LINES: usize = 3;

/// Which ports are wished for; the next free ones are taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// First port to try for the server.
    pub(crate) grpc: u16,
    /// Address of this machine for its web page; none without one.
    pub(crate) page: Option<Ipv4Addr>,
}

impl Wish {
    /// Any free port, and no web page.
    pub(crate) fn any() -> Self {
        Self { grpc: untyped(0), page: None }
    }

    /// Free ports for all that can be chosen. `tried` starts failed before.
    fn granted(self, tried: u16) -> anyhow::Result<Ports> {
        let here = Ipv4Addr::LOCALHOST;
        let grpc = next_free(here, self.grpc, &[])?;
        let from = |nth: u16| untyped(TRIES * (3 * tried + nth));
        let http = next_free(here, from(1), &[grpc])?;
        let metrics = next_free(here, from(2), &[grpc, http])?;
        let page = self.page.map(|address| {
            let port = next_free(address, from(3), &[grpc, http, metrics])?;
            Ok::<_, anyhow::Error>(SocketAddr::from((address, port)))
        });
        Ok(Ports { grpc, page: page.transpose()?, http, metrics })
    }
}

/// A place to start looking that processes which start at the same time do not share.
fn untyped(offset: u16) -> u16 {
    let span = u32::from(UNTYPED.end - UNTYPED.start);
    let at = (std::process::id().wrapping_mul(u32::from(TRIES)) + u32::from(offset)) % span;
    UNTYPED.start + u16::try_from(at).unwrap_or(0)
}

/// Ports of the server: all that it lets us choose, so that it comes back on the same ones.
#[derive(Clone, Copy, Debug)]
struct Ports {
    grpc: u16,
    page: Option<SocketAddr>,
    http: u16,
    metrics: u16,
}

/// Everything needed to start the server again.
#[derive(Clone, Debug)]
struct Recipe {
    program: PathBuf,
    database: PathBuf,
    log: PathBuf,
}

/// A supervised server; it ends with the token it was started with.
#[derive(Debug)]
pub(crate) struct Server {
    ports: Ports,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Starts the server on a database file and waits until it answers.
    ///
    /// A port may be taken between looking and binding; then the server ends at once, and the next
    /// free ports are tried.
    pub(crate) async fn start(
        folder: &Path,
        wish: Wish,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        fs_err::create_dir_all(folder)?;
        let folder = fs_err::canonicalize(folder)?;
        let recipe = Recipe {
            program: program(),
            database: folder.join("temporal.db"),
            log: folder.join("temporal.log"),
        };
        let mut log_bytes = 0;
        for tried in 0..STARTS {
            let ports = wish.granted(tried)?;
            log_bytes = recipe.log_bytes();
            let mut child = recipe.spawn(ports)?;
            if ready(&mut child).await {
                let task = tokio::spawn(supervise(child, recipe, ports, stop));
                return Ok(Self { ports, task });
            }
        }
        anyhow::bail!("the Temporal server does not start: {}", recipe.said(log_bytes))
    }

    /// Address of the server.
    pub(crate) fn address(&self) -> anyhow::Result<Url> {
        Ok(format!("http://127.0.0.1:{}", self.ports.grpc).parse()?)
    }

    /// Where its web page listens, which is told to nobody but our door in front of it.
    pub(crate) fn page(&self) -> Option<SocketAddr> {
        self.ports.page
    }

    /// Waits until it has ended; the token must have been cancelled.
    pub(crate) async fn ended(self) {
        self.task.await.ok();
    }
}

/// Waits for the line the server prints once it answers; false when it ends before, or takes too long.
async fn ready(child: &mut Child) -> bool {
    tokio::time::timeout(READY_WITHIN, says_ready(child)).await.unwrap_or(false)
}

async fn says_ready(child: &mut Child) -> bool {
    let Some(stdout) = child.take_stdout() else { return false };
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.starts_with(READY) {
            // Kept open and empty: a server that prints into a closed pipe would die.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return true;
        }
    }
    false
}

async fn supervise(mut child: Child, recipe: Recipe, ports: Ports, stop: CancellationToken) {
    loop {
        let log_bytes = recipe.log_bytes();
        tokio::select! {
            () = stop.cancelled() => {
                child.terminate(END).await.ok();
                return;
            }
            status = child.wait() => {
                let log = recipe.said(log_bytes);
                tracing::error!(?status, log, "the Temporal server died; starting it again");
            }
        }
        // Dropped halfway, a server that is starting is killed.
        child = tokio::select! {
            () = stop.cancelled() => return,
            child = again(&recipe, ports) => child,
        };
    }
}

/// Starts the server until it answers.
async fn again(recipe: &Recipe, ports: Ports) -> Child {
    loop {
        tokio::time::sleep(RESTART).await;
        let log_bytes = recipe.log_bytes();
        match recipe.spawn(ports) {
            Ok(mut child) => {
                if ready(&mut child).await {
                    return child;
                }
                let log = recipe.said(log_bytes);
                tracing::error!(log, "the Temporal server does not start again");
            }
            Err(error) => tracing::error!("cannot start the Temporal server again: {error:#}"),
        }
    }
}

impl Recipe {
    fn log_bytes(&self) -> u64 {
        fs_err::metadata(&self.log).map_or(0, |meta| meta.len())
    }

    /// The last lines of its log behind a place, and where the rest is.
    fn said(&self, from_byte: u64) -> String {
        let text = fs_err::read(&self.log).unwrap_or_default();
        let new = text.get(usize::try_from(from_byte).unwrap_or(usize::MAX)..).unwrap_or_default();
        let new = String::from_utf8_lossy(new);
        let lines: Vec<_> = new.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines[lines.len().saturating_sub(TOLD_LINES)..].join(" / ");
        let place = self.log.display();
        if last.is_empty() {
            format!("it said nothing in {place}")
        } else {
            format!("{last} (in {place})")
        }
    }

    /// The database's name, and the folder to run in when the name is one below it: the server reads
    /// names as URIs, where these characters mean something else, and takes no other spelling.
    fn database_from_within(&self) -> (&Path, Option<&Path>) {
        let whole = self.database.as_path();
        let special = whole.to_string_lossy().contains(['%', '?', '#']);
        match (whole.file_name(), whole.parent()) {
            (Some(name), Some(folder)) if special => (Path::new(name), Some(folder)),
            _ => (whole, None),
        }
    }

    fn spawn(&self, ports: Ports) -> anyhow::Result<Child> {
        let log = fs_err::OpenOptions::new().create(true).append(true).open(&self.log)?;
        let (database, folder) = self.database_from_within();
        let mut command = Command::new(&self.program)
            .args(["server", "start-dev", "--ip", "127.0.0.1", "--log-level", "error"])
            // Both would ask a host on the internet.
            .args([
                "--ui-disable-news-fetch",
                "--dynamic-config-value",
                "frontend.enableServerVersionCheck=false",
            ])
            .arg("--db-filename")
            .arg(database)
            .args(["--port", &ports.grpc.to_string()])
            .args(["--http-port", &ports.http.to_string()])
            .args(["--metrics-port", &ports.metrics.to_string()]);
        command = match ports.page {
            Some(page) => command
                .args(["--ui-ip", &page.ip().to_string()])
                .args(["--ui-port", &page.port().to_string()]),
            None => command.arg("--headless"),
        };
        for value in FAIRNESS.into_iter().chain(CLOSED) {
            command = command.args(["--dynamic-config-value", value]);
        }
        for (name, kind) in search_attributes::ALL {
            command = command.args(["--search-attribute", &format!("{name}={}", kind.name())]);
        }
        if let Some(folder) = folder {
            command = command.current_dir(folder);
        }
        command.stderr(log.into_parts().0).spawn().context(
            "start the Temporal server; run scripts/setup.sh, put `temporal` on PATH, or set TEMPORAL_ADDRESS",
        )
    }
}

/// What the program that would be started says of itself.
pub(crate) async fn version() -> anyhow::Result<String> {
    let output = Command::new(program()).args(["--version"]).output(VERSION_WITHIN).await?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The `temporal` that set-up put into the project, or the one on PATH.
fn program() -> PathBuf {
    if let Some(given) = std::env::var_os("MILLRACE_TEMPORAL") {
        let given = PathBuf::from(given);
        // A path stays what it was where the server runs in another folder; a bare name is looked up.
        let is_path = given.components().count() > 1;
        return if is_path { std::path::absolute(&given).unwrap_or(given) } else { given };
    }
    let here = [std::env::current_dir().ok(), std::env::current_exe().ok()];
    let local = here
        .iter()
        .flatten()
        .flat_map(|path| path.ancestors())
        .map(|dir| dir.join(".tools/bin/temporal"));
    local.into_iter().find(|path| path.is_file()).unwrap_or_else(|| "temporal".into())
}

fn next_free(address: Ipv4Addr, first: u16, taken: &[u16]) -> anyhow::Result<u16> {
    let free = |port: &u16| !taken.contains(port) && TcpListener::bind((address, *port)).is_ok();
    (first..first.saturating_add(TRIES))
        .find(free)
        .with_context(|| format!("no free port from {first} to {}", first.saturating_add(TRIES)))
}
