//! Downloads the video of a page by yt-dlp, which runs as a separate process and reaches the
//! network through our proxy only. Its arguments and output are `ytdlp`'s.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use contain::{Devices, Layers, Limits, Network, Policy, Processes};
use ffmpeg::{Child, Command};
use fs_err::tokio as fs;
use ring::digest::{SHA256, digest};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, copy, sink},
    process::ChildStderr,
    time::{Instant, timeout},
};
use url::Url;

use crate::{
    Client, Downloaded, Error, Progress, Proxy,
    merge::merge,
    pace::Judge,
    ytdlp::{self, Meter},
};

/// Longer than yt-dlp's own patience with any one request.
const SILENCE: Duration = Duration::from_mins(5);
const LIST_TIMEOUT: Duration = Duration::from_mins(1);
const TERMINATE_GRACE: Duration = Duration::from_secs(1);
const STDERR_MAX_BYTES: u64 = 1 << 20;
/// Private memory of yt-dlp, and of each program that it starts: pages are megabytes, what interprets
/// them hundreds.
const MEMORY_MAX: u64 = 2 << 30;
const OPEN_FILES_MAX: u64 = 1024;
/// Processes and threads of our user in all, most of which are not yt-dlp's: a limit against fork
/// bombs, not a share.
const PROCESSES_MAX: u64 = 16_384;

impl Client {
    /// Whether `url` is of a site that yt-dlp knows by name. Asks yt-dlp, which takes about half a
    /// second and opens no connection; so ask only when a download turns out to be a web page.
    pub async fn is_site(&self, url: &Url) -> Result<bool, Error> {
        self.filter.check(url)?;
        let command = self.ytdlp(Network::None, None);
        let output = command.args(ytdlp::list_args(url)).output(LIST_TIMEOUT).await;
        let output = output.map_err(tool_error)?;
        Ok(ytdlp::is_listed(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Downloads the video of the page `url` into the folder `dest_dir` (made when missing), as one
    /// file called `source` with an extension, replacing one of that name.
    ///
    /// What has arrived is kept in a folder of its own inside `dest_dir`: run again, it continues.
    /// Dropping the future ends yt-dlp and every connection it has. The total grows when picture and
    /// sound come one after the other.
    pub async fn download_site(
        &self,
        url: &Url,
        dest_dir: &Path,
        mut on_progress: impl FnMut(Progress) + Send,
    ) -> Result<Downloaded, Error> {
        self.filter.check(url)?;
        // Of one address only, so that another one's files are never taken for it.
        let folder = dest_dir.join(parts_name(url));
        fs::create_dir_all(&folder).await.map_err(|error| Error::io(&folder, error))?;
        let proxy = Proxy::start(Arc::clone(&self.filter), self.config.connect_timeout).await?;
        let names = self.run(url, &folder, &proxy, &mut on_progress).await?;
        let path = self.collect(&folder, &names, dest_dir).await?;
        let kept = async {
            fs::File::open(&path).await?.sync_all().await?;
            fs::metadata(&path).await.map(|metadata| metadata.len())
        };
        let bytes = kept.await.map_err(|error| Error::io(&path, error))?;
        fs::remove_dir_all(&folder).await.map_err(|error| Error::io(&folder, error))?;
        Ok(Downloaded {
            path,
            bytes,
            etag: None,
            content_type: None,
            file_name: None,
            final_url: url.clone(),
        })
    }

    /// yt-dlp, which writes into `folder` alone and talks to `network` alone. It may start programs:
    /// some sites hide addresses in JavaScript, which others interpret.
    fn ytdlp(&self, network: Network, folder: Option<&Path>) -> Command {
        let program = self.config.ytdlp.as_deref().unwrap_or(Path::new("yt-dlp"));
        let policy = Policy {
            layers: Layers::wanted(self.config.tools.containment),
            read: self.config.tools.readable.clone(),
            write: folder.map(Path::to_owned).into_iter().collect(),
            network,
            processes: Processes::Programs,
            devices: Devices::None,
            limits: Limits {
                memory: Some(MEMORY_MAX),
                open_files: Some(OPEN_FILES_MAX),
                processes: Some(PROCESSES_MAX),
                ..Limits::default()
            },
        };
        let command = Command::new(program).env_clear().contained(policy);
        // What holds it need not be on, and its environment is clean all the same.
        contain::kept().into_iter().fold(command, |command, (name, value)| command.env(name, value))
    }

    /// Runs yt-dlp to its end in `folder`; returns the names of the files that it downloaded.
    async fn run(
        &self,
        url: &Url,
        folder: &Path,
        proxy: &Proxy,
        on_progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<Vec<OsString>, Error> {
        let patience = self.config.read_timeout.as_secs().max(1);
        let args = ytdlp::download_args(url, &proxy.url(), patience);
        let network = Network::Port(proxy.port());
        let command = self.ytdlp(network, Some(folder)).args(args).current_dir(folder);
        let command = command.file_size_limit(file_limit(self.config.max_bytes));
        let mut child = command.spawn().map_err(tool_error)?;
        let stderr = read_start(child.take_stderr());
        let (stderr, names) = tokio::try_join!(stderr, self.watch(&mut child, on_progress))?;
        let status = child.wait().await.map_err(tool_error)?;
        if status.success() {
            return Ok(names);
        }
        if let Some(reason) = proxy.refusal() {
            return Err(Error::Forbidden { reason });
        }
        if ffmpeg::was_killed(status) {
            return Err(Error::ToolKilled { tool: "yt-dlp" });
        }
        let detail = ytdlp::complaint(&String::from_utf8_lossy(&stderr), url, &proxy.url());
        Err(Error::ToolFailed { tool: "yt-dlp", detail })
    }

    /// Follows the progress until yt-dlp closes its output; ends it when it downloads too much or
    /// is silent for too long.
    async fn watch(
        &self,
        child: &mut Child,
        on_progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<Vec<OsString>, Error> {
        let Some(stdout) = child.take_stdout() else { return Ok(Vec::new()) };
        let mut lines = BufReader::new(stdout).lines();
        let mut meter = Meter::default();
        let limit = self.config.max_bytes;
        let mut judge: Option<Judge> = None;
        let error = loop {
            let line = match timeout(SILENCE, lines.next_line()).await {
                Ok(Ok(Some(line))) => line,
                Ok(Ok(None)) => return Ok(meter.brought()),
                Ok(Err(error)) => break Error::Io(error),
                Err(_) => {
                    let detail = format!("it was silent for {} s", SILENCE.as_secs());
                    break Error::ToolFailed { tool: "yt-dlp", detail };
                }
            };
            if let Some(progress) = meter.take(&line) {
                if progress.done.max(progress.total.unwrap_or(0)) > limit {
                    break Error::TooLarge { limit };
                }
                let now = Instant::now();
                let judge = judge.get_or_insert_with(|| Judge::new(self.pace(), 0, now));
                if let Err(slow) = judge.take(progress.done, now) {
                    break slow;
                }
                on_progress(progress);
            }
        };
        child.terminate(TERMINATE_GRACE).await.map_err(tool_error)?;
        Err(error)
    }

    /// Makes one file of those that yt-dlp left in `folder` under these names.
    async fn collect(
        &self,
        folder: &Path,
        names: &[OsString],
        dest_dir: &Path,
    ) -> Result<PathBuf, Error> {
        let limit = self.config.max_bytes;
        let paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
        let mut bytes = 0;
        for path in &paths {
            bytes += fs::metadata(path).await.map_err(|error| Error::io(path, error))?.len();
        }
        if bytes > limit {
            return Err(Error::TooLarge { limit });
        }
        let made = match paths.as_slice() {
            [] => {
                let detail = "the page has no video, or a live one".to_owned();
                return Err(Error::ToolFailed { tool: "yt-dlp", detail });
            }
            [only] => only.clone(),
            several => {
                // What the container adds is small compared with its content.
                let limit = file_limit(limit.saturating_add(limit / 16));
                merge(&self.config.tools, several, &folder.join("merged"), limit).await?
            }
        };
        let dest = dest_dir.join("source").with_extension(extension(&made));
        fs::rename(&made, &dest).await.map_err(|error| Error::io(&dest, error))?;
        Ok(dest)
    }
}

/// Reads to the end, and keeps the start.
async fn read_start(stderr: Option<ChildStderr>) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    let Some(stderr) = stderr else { return Ok(text) };
    let mut start = stderr.take(STDERR_MAX_BYTES);
    let read = async {
        start.read_to_end(&mut text).await?;
        copy(&mut start.into_inner(), &mut sink()).await
    };
    read.await.map_err(Error::Io)?;
    Ok(text)
}

/// The name of the folder for what arrives of `url`.
fn parts_name(url: &Url) -> String {
    let digest = digest(&SHA256, url.as_str().as_bytes());
    let first = digest.as_ref().first_chunk().expect("a SHA-256 has 32 bytes");
    format!("site-{:016x}", u64::from_be_bytes(*first))
}

/// A limit that the system understands: to it, file sizes are signed.
fn file_limit(bytes: u64) -> u64 {
    bytes.min(i64::MAX.unsigned_abs())
}

/// The extension, if it is an ordinary one.
fn extension(path: &Path) -> &str {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let ordinary =
        |text: &&str| text.len() <= 8 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    extension.filter(ordinary).unwrap_or("bin")
}

fn tool_error(error: ffmpeg::Error) -> Error {
    match error {
        ffmpeg::Error::ToolMissing { program } => Error::ToolMissing {
            program,
            hint: "this page needs yt-dlp: install it with `pipx install yt-dlp`, or set the path of \
                   an existing one",
        },
        source => Error::Tool { tool: "yt-dlp", source },
    }
}
