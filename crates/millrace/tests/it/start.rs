//! Processes that start before, between and after what they need, and what `millrace ready` says of
//! them.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fixtures::{BusyClock, PATIENCE, Port, S3Server, Temporal, postgres::Server};
use tempfile::TempDir;

use crate::{
    gate::{Gate, Target},
    product::{data, millrace},
};

/// How often a test looks.
const LOOK: Duration = Duration::from_millis(100);
/// What a process may wait for.
const SERVICES: [&str; 3] = ["catalogue", "store", "Temporal server"];

/// An API or a worker, with a log. Dropped, it is killed.
struct Process {
    child: Child,
    log: PathBuf,
    /// How `millrace ready` finds it.
    listens: [String; 2],
    _port: Port,
    _data: TempDir,
}

impl Process {
    fn start(name: &str, flags: &[String], temporal: &str) -> Self {
        let (data, port) = (data(), Port::take().unwrap());
        let log = data.path().join("log");
        let listens = match name {
            "api" => ["--api-addr".to_owned(), format!("127.0.0.1:{}", port.number())],
            _ => ["--metrics-addr".to_owned(), format!("127.0.0.1:{}", port.number())],
        };
        let mut command = millrace(name, data.path());
        command.args(&listens).args(flags).env("AWS_ACCESS_KEY_ID", "test");
        command.env("AWS_SECRET_ACCESS_KEY", "test").env("TEMPORAL_ADDRESS", temporal);
        if name == "api" {
            command.args(["--media-addr", "127.0.0.1:0"]);
        }
        command.stdout(Stdio::null()).stderr(fs_err::File::create(&log).unwrap().into_parts().0);
        let child = command.spawn().unwrap();
        Self { child, log, listens, _port: port, _data: data }
    }

    fn logged(&self) -> String {
        fs_err::read_to_string(&self.log).unwrap()
    }

    /// Waits until its log says something.
    async fn says(&mut self, text: &str) {
        self.until(|process| process.logged().contains(text).then_some(())).await;
    }

    async fn until<T>(&mut self, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(seen) = look(self) {
                return seen;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it has ended: {ended:?}\n{}", self.logged());
            assert!(Instant::now() < give_up, "not within {PATIENCE:?}:\n{}", self.logged());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What `millrace ready` says of it: `Ok`, or the reason why not.
    async fn ready(&self) -> Result<(), String> {
        let mut command = fixtures::tools::command(env!("CARGO_BIN_EXE_millrace"));
        // The API's default port may be taken by somebody else's.
        let nobody = ["--api-addr", "127.0.0.1:1"];
        command.arg("ready");
        if self.listens[0] != nobody[0] {
            command.args(nobody);
        }
        command.args(&self.listens);
        answered(command).await
    }

    async fn until_ready(&mut self) {
        let give_up = Instant::now() + PATIENCE;
        while let Err(why) = self.ready().await {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it has ended: {ended:?}\n{}", self.logged());
            assert!(Instant::now() < give_up, "{why}\n{}", self.logged());
        }
    }

    /// Waits until it is not ready for a reason that says `why`.
    async fn until_not_ready(&mut self, why: &str) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let ready = self.ready().await;
            if ready.as_ref().is_err_and(|said| said.contains(why)) {
                return;
            }
            assert!(Instant::now() < give_up, "{ready:?}, not {why}:\n{}", self.logged());
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(fixtures::tools::command("kill").args([name, &pid]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `millrace ready`.
async fn answered(mut command: Command) -> Result<(), String> {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    if output.status.success() {
        assert_eq!(output.stdout, b"ready\n");
        return Ok(());
    }
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    Err(said)
}

/// The real servers.
struct Servers {
    postgres: Server,
    s3: S3Server,
    temporal: Temporal,
}

impl Servers {
    async fn start() -> Option<Self> {
        let attributes = contract::search_attributes::ALL.map(|(name, kind)| (name, kind.name()));
        let options = fixtures::temporal::Options::with_search_attributes(attributes);
        let temporal = Temporal::start_or_skip(options).await?;
        Some(Self { postgres: Server::start()?, s3: S3Server::start()?, temporal })
    }
}

/// Gates before the servers, in the order of [`SERVICES`], with an empty database.
struct Gates {
    gates: [Gate; 3],
    database: String,
}

impl Gates {
    fn before(servers: &Servers) -> Self {
        let url: url::Url = servers.postgres.create_database().parse().unwrap();
        let (_, folder) = url.query_pairs().find(|(name, _)| name == "host").unwrap();
        let socket = Path::new(&*folder).join(".s.PGSQL.5432");
        let temporal = servers.temporal.address().parse().unwrap();
        let targets =
            [Target::Unix(socket), Target::Tcp(servers.s3.address()), Target::Tcp(temporal)];
        Self { gates: targets.map(Gate::before), database: url.path().to_owned() }
    }

    fn start(&self, name: &str, key: &Path, more: &[&str]) -> Process {
        let [postgres, s3, temporal] = [0, 1, 2].map(|at: usize| self.gates[at].address());
        let mut flags = vec![
            "--database".to_owned(),
            format!("postgres://millrace@{postgres}{}", self.database),
            "--s3-endpoint".to_owned(),
            format!("http://{s3}"),
            "--secret-key-file".to_owned(),
            key.to_string_lossy().into_owned(),
        ];
        flags.extend(more.iter().map(|&flag| flag.to_owned()));
        Process::start(name, &flags, &temporal.to_string())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_up_first_everything_starts() {
    let Some(servers) = Servers::start().await else { return };
    let folder = data();
    let key = folder.path().join("secret.key");
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    futures::future::join_all(orders.map(async |order| {
        let mut gates = Gates::before(&servers);
        let mut processes = ["api", "worker"].map(|name| gates.start(name, &key, &[]));
        for process in &mut processes {
            process.says("waiting for the catalogue").await;
            assert!(process.ready().await.is_err());
        }
        for at in order {
            gates.gates[at].open().await;
        }
        for process in &mut processes {
            process.until_ready().await;
            process.says("the catalogue answers").await;
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_service_is_waited_for_and_missed_by_name() {
    let Some(servers) = Servers::start().await else { return };
    let folder = data();
    let key = folder.path().join("secret.key");
    let mut gates = Gates::before(&servers);
    // One that takes connections and says nothing is no reason to wait for ever.
    gates.gates[0].mute().await;
    let mut worker = gates.start("worker", &key, &[]);
    let mut api = gates.start("api", &key, &[]);
    for (at, service) in SERVICES.into_iter().enumerate() {
        for process in [&mut worker, &mut api] {
            process.says(&format!("waiting for the {service}")).await;
        }
        gates.gates[at].open().await;
    }
    for process in [&mut worker, &mut api] {
        process.until_ready().await;
    }
    for (at, missing) in [(0, "catalog: "), (1, "store: "), (2, "temporal: ")] {
        gates.gates[at].close().await;
        for process in [&mut worker, &mut api] {
            process.until_not_ready(missing).await;
        }
        gates.gates[at].open().await;
        for process in [&mut worker, &mut api] {
            process.until_ready().await;
        }
    }
    // A process that does not answer does not hold up who asks.
    worker.signal("-STOP");
    let asked = BusyClock::start().unwrap();
    let why = worker.ready().await.unwrap_err();
    assert!(why.contains("no answer within 5 s"), "{why}");
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_cannot_do_its_work_is_not_ready() {
    let Some(servers) = Servers::start().await else { return };
    let folder = data();
    let key = folder.path().join("secret.key");
    let mut gates = Gates::before(&servers);
    for gate in &mut gates.gates {
        gate.open().await;
    }
    let flags = ["--queues", "transcode,notify", "--ffmpeg", "/nonexistent/ffmpeg"];
    let mut worker = gates.start("worker", &key, &flags);
    worker.until_not_ready("is not ready: transcode: the program `/nonexistent/ffmpeg`").await;
    let mut other = gates.start("worker", &key, &["--queues", "notify"]);
    other.until_ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_waits_ends_when_it_is_told_to_or_when_time_is_up() {
    let nobody = ["--database".to_owned(), "postgres://millrace@127.0.0.1:1/x".to_owned()];
    let mut patient = Process::start("worker", &nobody, "127.0.0.1:1");
    let mut hasty = nobody.to_vec();
    hasty.extend(["--start-seconds-max".to_owned(), "1".to_owned()]);
    for name in ["api", "worker"] {
        let mut process = Process::start(name, &hasty, "127.0.0.1:1");
        let status = process.child.wait().unwrap();
        let said = process.logged();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("the catalogue has not answered within 1 s: "), "{said}");
    }
    patient.says("waiting for the catalogue").await;
    patient.signal("-TERM");
    let status = tokio::task::spawn_blocking(move || patient.child.wait().unwrap());
    let status = tokio::time::timeout(PATIENCE, status).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn nobody_is_ready_where_nothing_listens() {
    let mut command = fixtures::tools::command(env!("CARGO_BIN_EXE_millrace"));
    let port = Port::take().unwrap();
    command.args(["ready", "--api-addr", &format!("127.0.0.1:{}", port.number())]);
    let why = answered(command).await.unwrap_err();
    assert!(why.contains("nothing listens at 127.0.0.1:"), "{why}");
}
