//! A running `millrace up`, and the calls tests make on it.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fixtures::{BusyClock, PATIENCE};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a process may need that was killed.
const KILLED_WITHIN: Duration = Duration::from_secs(1);
/// How often a test looks.
const LOOK: Duration = Duration::from_millis(50);

/// Flags of everything that works on test sources.
const WORK: [&str; 4] = ["--allow-source-networks", "127.0.0.1/32", "--scratch-reserve-mib", "1"];

/// Flags and environment of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags(Vec<String>, Vec<(String, String)>);

impl Flags {
    /// Chunks of one segment, so that short clips have joints.
    pub(crate) fn short_chunks() -> Self {
        Self(vec!["--chunk-seconds".into(), "6".into()], Vec::new())
    }

    /// These, and a variable of the environment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.1.push((name.into(), value.into()));
        self
    }

    /// These and more.
    pub(crate) fn and<'a>(mut self, flags: impl IntoIterator<Item = &'a str>) -> Self {
        self.0.extend(flags.into_iter().map(str::to_owned));
        self
    }
}

/// A `millrace up` on its own data folder and ports. Dropped, it is killed.
pub(crate) struct Product {
    process: Process,
    /// Of its Temporal server, which it starts again on the same, and of the page.
    ports: Vec<fixtures::Port>,
    page: Option<String>,
    api: String,
    media: String,
    http: reqwest::Client,
}

impl Product {
    /// Starts the product, or says why the test is skipped.
    pub(crate) fn start(data: &Path, flags: &Flags) -> Option<Self> {
        Self::start_with(data, flags, |_| {})
    }

    /// The same, with the command changed before it is started.
    pub(crate) fn start_with(
        data: &Path,
        flags: &Flags,
        change: impl FnOnce(&mut Command),
    ) -> Option<Self> {
        fixtures::require_or_skip("ffmpeg")?;
        let temporal = fixtures::require_or_skip("temporal")?;
        let ports = vec![fixtures::Port::take().unwrap(), fixtures::Port::take().unwrap()];
        let mut command = millrace("up", data);
        command
            .args(["--api-addr", "127.0.0.1:0", "--media-addr", "127.0.0.1:0"])
            .args(["--temporal-port", &ports[0].number().to_string()])
            .args(["--ui-port", &ports[1].number().to_string()])
            .args(WORK)
            .args(&flags.0)
            .envs(flags.1.clone())
            .env("MILLRACE_TEMPORAL", temporal)
            .env_remove("TEMPORAL_ADDRESS");
        change(&mut command);
        Some(Self { ports, ..Self::launch(command) })
    }

    /// Starts the API alone, against a Temporal server that is already there.
    pub(crate) fn api_alone(data: &Path, temporal: &str, flags: &Flags) -> Self {
        Self::api_by(millrace("api", data), temporal, flags)
    }

    /// The same on a machine of so many cores.
    pub(crate) fn api_on(cores: u32, data: &Path, temporal: &str, flags: &Flags) -> Self {
        let mut command = fixtures::tools::command("taskset");
        command.args(["-c", &format!("0-{}", cores - 1), env!("CARGO_BIN_EXE_millrace"), "api"]);
        command.arg("--data").arg(data);
        Self::api_by(command, temporal, flags)
    }

    fn api_by(mut command: Command, temporal: &str, flags: &Flags) -> Self {
        command
            .args(["--api-addr", "127.0.0.1:0", "--media-addr", "127.0.0.1:0"])
            .args(&flags.0)
            .envs(flags.1.clone())
            .env("TEMPORAL_ADDRESS", temporal);
        Self::launch(command)
    }

    /// Starts the process and reads the addresses it prints.
    fn launch(mut command: Command) -> Self {
        let mut process = Process(command.stdout(Stdio::piped()).spawn().unwrap());
        let lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
        let mut said = Vec::new();
        for line in lines.map_while(Result::ok) {
            let last = line.starts_with("Data");
            said.push(line);
            if last {
                break;
            }
        }
        let after = |name: &str| {
            let line = said.iter().find(|line| line.starts_with(name))?;
            line.split_whitespace().last().map(str::to_owned)
        };
        let told = |name| after(name).unwrap_or_else(|| panic!("no {name} in {said:?}"));
        let (api, media, page) = (told("API"), told("Media"), after("Temporal"));
        // Fails only when it is already set.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { process, ports: Vec::new(), page, api, media, http }
    }

    /// The process that runs it.
    pub(crate) fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Base address of the API, without a slash at the end.
    pub(crate) fn api(&self) -> &str {
        &self.api
    }

    /// Base address of the media listener, with a slash at the end.
    pub(crate) fn media(&self) -> &str {
        &self.media
    }

    /// Address of Temporal's page, as the product prints it, without a slash at the end.
    pub(crate) fn page(&self) -> &str {
        self.page.as_deref().unwrap().trim_end_matches('/')
    }

    /// Its Temporal server, as clients take it.
    pub(crate) fn temporal_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0].number())
    }

    /// A client of its Temporal server.
    pub(crate) async fn temporal(&self) -> temporalio_client::Client {
        let target = format!("http://{}", self.temporal_address());
        fixtures::temporal::connect(&target.parse().unwrap()).await.unwrap()
    }

    /// Kills the process as `kill -9` does and waits until it is gone.
    pub(crate) fn kill(self) {
        drop(self.process);
    }

    /// Asks the process to stop and waits until it has; fails when that takes longer than `within`.
    pub(crate) async fn stop(mut self, within: Duration) -> std::process::ExitStatus {
        self.process.terminate();
        self.process.ended(within).await
    }

    /// Posts a body; gives status and answer.
    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let answer =
            self.http.post(format!("{}{path}", self.api)).json(&body).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// A request that the test finishes itself.
    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method.parse().unwrap(), format!("{}{path}", self.api))
    }

    /// Deletes one resource; gives the status.
    pub(crate) async fn delete(&self, path: &str) -> u16 {
        self.http.delete(format!("{}{path}", self.api)).send().await.unwrap().status().as_u16()
    }

    /// Gets one resource.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.http.get(format!("{}{path}", self.api)).send().await.unwrap().json().await.unwrap()
    }

    /// Bytes and content type of an address, such as one of a video's outputs.
    pub(crate) async fn fetch(&self, address: &str) -> (String, Vec<u8>) {
        let answer = self.http.get(address).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{address}");
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (kind, answer.bytes().await.unwrap().to_vec())
    }

    /// Submits a video and returns its id.
    pub(crate) async fn submit(&self, url: &str, options: Value) -> String {
        let (status, video) = self.post("/videos", json!({"url": url, "options": options})).await;
        assert_eq!(status, 202, "{video}");
        video["id"].as_str().unwrap().to_owned()
    }

    /// Looks at a video until `seen` says so, and returns it.
    pub(crate) async fn until(&self, id: &str, seen: impl Fn(&Value) -> bool) -> Value {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let video = self.get(&format!("/videos/{id}")).await;
            if seen(&video) {
                return video;
            }
            assert!(Instant::now() < give_up, "still {video:#}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until a video has ended.
    pub(crate) async fn ended(&self, id: &str) -> Value {
        self.until(id, |video| {
            ["ready", "failed", "cancelled"].contains(&video["status"].as_str().unwrap_or(""))
        })
        .await
    }

    /// Waits until a video is ready; anything else is a failure of the test.
    pub(crate) async fn ready(&self, id: &str) -> Value {
        let video = self.ended(id).await;
        assert_eq!(video["status"], "ready", "{video:#}");
        video
    }
}

/// A `millrace worker`. Dropped, it is killed as `kill -9` does.
pub(crate) struct Worker(Process);

impl Worker {
    /// Starts a worker for every queue; it shares the data folder with others.
    pub(crate) fn start(data: &Path, temporal: &str) -> Self {
        Self::with(data, temporal, &[])
    }

    /// The same with more flags, such as `--queues`.
    pub(crate) fn with(data: &Path, temporal: &str, flags: &[&str]) -> Self {
        Self::with_flags(data, temporal, &Flags::default().and(flags.iter().copied()))
    }

    /// The same with variables of the environment too.
    pub(crate) fn with_flags(data: &Path, temporal: &str, flags: &Flags) -> Self {
        let mut command = millrace("worker", data);
        command.args(WORK).args(&flags.0).envs(flags.1.clone()).env("TEMPORAL_ADDRESS", temporal);
        Self(Process(command.spawn().unwrap()))
    }

    /// Asks it to stop.
    pub(crate) fn terminate(&self) {
        self.0.terminate();
    }

    /// Waits until it has ended; fails when that takes longer than `within`.
    pub(crate) async fn ended(&mut self, within: Duration) -> std::process::ExitStatus {
        self.0.ended(within).await
    }
}

/// A process of ours, which never outlives the test, also when the test panics.
struct Process(Child);

impl Process {
    fn terminate(&self) {
        let pid = self.0.id().to_string();
        assert!(fixtures::tools::command("kill").arg(pid).status().unwrap().success());
    }

    async fn ended(&mut self, within: Duration) -> std::process::ExitStatus {
        let give_up = Instant::now() + within;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < give_up, "it has not stopped within {within:?}");
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One of the binary's commands on a data folder. Its videos wait long for what is made beside their
/// ladder, so that a busy machine leaves none of it out; a test of that wait gives the flag.
pub(crate) fn millrace(name: &str, data: &Path) -> Command {
    let mut command = fixtures::tools::command(env!("CARGO_BIN_EXE_millrace"));
    command.arg(name).arg("--data").arg(data);
    command.env("MILLRACE_ENHANCEMENT_SECONDS", PATIENCE.as_secs().to_string());
    command
}

/// The lines that a `millrace keys` prints.
pub(crate) fn keys(data: &Path, args: &[&str]) -> Vec<String> {
    let mut command = millrace("keys", data);
    let output = command.args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// A port that nobody listens on, and that is kept for this test as long as it is held.
pub(crate) fn free_port() -> fixtures::Port {
    fixtures::Port::take().unwrap()
}

/// A data folder that goes with the test.
pub(crate) fn data() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Folder of a video's outputs in a data folder.
pub(crate) fn outputs(data: &Path, id: &str) -> PathBuf {
    data.join("media/videos").join(id).join("outputs")
}

/// Running ffmpeg processes whose arguments mention a folder.
pub(crate) fn ffmpegs_on(folder: &Path) -> Vec<u32> {
    running("ffmpeg", folder)
}

/// Fails when an ffmpeg on a folder goes on. What was killed may need a moment until it is gone.
#[track_caller]
pub(crate) fn assert_no_ffmpeg(folder: &Path) {
    let clock = BusyClock::start().unwrap();
    while !ffmpegs_on(folder).is_empty() {
        assert!(clock.elapsed() < KILLED_WITHIN, "it goes on: {:?}", ffmpegs_on(folder));
        std::thread::yield_now();
    }
}

/// Running processes of a program whose arguments mention a folder.
pub(crate) fn running(program: &str, folder: &Path) -> Vec<u32> {
    let folder = folder.to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in fs_err::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let Ok(line) = fs_err::read(entry.path().join("cmdline")) else { continue };
        let line = String::from_utf8_lossy(&line).into_owned();
        let name = line.split('\0').next().and_then(|path| path.rsplit('/').next());
        if name == Some(program) && line.contains(&folder) {
            found.push(pid);
        }
    }
    found
}
