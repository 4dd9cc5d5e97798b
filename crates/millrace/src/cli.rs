//! Flags and environment variables, as typed. Everything has a default.

mod children;
mod connections;
mod keys;
mod limits;
mod mezzanine;
mod ready;
mod start;
mod uploads;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use contract::TaskQueue;
use url::Url;

use crate::private::{Umask, parse_umask};

pub(crate) use children::ChildArgs;
pub(crate) use connections::ConnectionArgs;
pub(crate) use keys::{Keys, KeysCommand, NewKey};
pub(crate) use limits::{LimitArgs, MaxPixels};
pub(crate) use mezzanine::Mezzanine;
pub(crate) use ready::Ready;
pub(crate) use start::{DrainArgs, StartArgs};
pub(crate) use uploads::UploadArgs;

/// Turns videos into adaptive streams, durably.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// What to log, as tracing filters: `info`, `debug,hyper=warn`.
    #[arg(long, global = true, env = "MILLRACE_LOG")]
    pub(crate) log: Option<String>,
    /// How to write log lines.
    #[arg(long, global = true, env = "MILLRACE_LOG_FORMAT", value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// URL of an OpenTelemetry collector that accepts traces over gRPC; off without one.
    #[arg(long, global = true, env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true)]
    pub(crate) otlp_endpoint: Option<Url>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the whole product in one process: Temporal, API, media listener and every worker.
    Up(Up),
    /// Turns one file or URL into HLS in a folder.
    Transcode(Transcode),
    /// Runs the API against a Temporal server.
    Api(Api),
    /// Runs workers against a Temporal server.
    Worker(Worker),
    /// Makes, lists and revokes API keys.
    Keys(Keys),
    /// Checks everything that the other commands need, and says what to do.
    Doctor(Doctor),
    /// Asks the API or the worker of this machine whether it is ready; fails with the reason if not.
    Ready(Ready),
    /// Manages webhook secrets.
    #[command(subcommand)]
    Webhooks(crate::webhooks::Webhooks),
}

impl Command {
    /// Where a command keeps its data; `None` for those that keep none.
    pub(crate) fn common(&self) -> Option<&Common> {
        Some(match self {
            Self::Up(args) => &args.common,
            Self::Api(args) => &args.common,
            Self::Worker(args) => &args.common,
            Self::Keys(args) => &args.common,
            Self::Doctor(args) => &args.common,
            Self::Webhooks(args) => args.common(),
            Self::Transcode(_) | Self::Ready(_) => return None,
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) start: StartArgs,
    #[command(flatten)]
    pub(crate) drain: DrainArgs,
    #[command(flatten)]
    pub(crate) listen: Listen,
    #[command(flatten)]
    pub(crate) work: Work,
    /// First port to try for the Temporal server.
    #[arg(long, env = "MILLRACE_TEMPORAL_PORT", default_value_t = 7233)]
    pub(crate) temporal_port: u16,
    /// First port to try for Temporal's web page.
    #[arg(long, env = "MILLRACE_UI_PORT", default_value_t = 8080)]
    pub(crate) ui_port: u16,
}

#[derive(Debug, Args)]
pub(crate) struct Api {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) start: StartArgs,
    #[command(flatten)]
    pub(crate) listen: Listen,
    /// URL of Temporal's web page, for links.
    #[arg(long, env = "MILLRACE_TEMPORAL_UI")]
    pub(crate) temporal_ui: Option<Url>,
}

#[derive(Debug, Args)]
pub(crate) struct Worker {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) start: StartArgs,
    #[command(flatten)]
    pub(crate) drain: DrainArgs,
    #[command(flatten)]
    pub(crate) work: Work,
    /// Base URL of media in messages to webhooks; without one they contain `bucket/key`.
    #[arg(long, env = "MILLRACE_MEDIA_URL")]
    pub(crate) media_url: Option<Url>,
    /// Queues to serve, separated by commas; all of them by default.
    #[arg(long, env = "MILLRACE_QUEUES", value_delimiter = ',')]
    pub(crate) queues: Vec<TaskQueue>,
    #[command(flatten)]
    pub(crate) pixels: MaxPixels,
    /// Address on which to serve `/metrics`, `/healthz` and `/readyz`; off by default.
    #[arg(long, env = "MILLRACE_METRICS_ADDR")]
    pub(crate) metrics_addr: Option<SocketAddr>,
    /// Token to send there as `Authorization: Bearer …`, required if other machines can connect;
    /// better set in the environment. At least 16 characters.
    #[arg(long, env = "MILLRACE_METRICS_TOKEN", hide_env_values = true)]
    pub(crate) metrics_token: Option<api::OperatorToken>,
    #[command(flatten)]
    pub(crate) connections: ConnectionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) work: Work,
}

#[derive(Debug, Args)]
pub(crate) struct Transcode {
    /// A file, or an http(s) URL.
    pub(crate) source: String,
    /// Folder for the output.
    #[arg(short, long)]
    pub(crate) output: PathBuf,
    /// Options of the video, as JSON.
    #[arg(long)]
    pub(crate) options: Option<String>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    pub(crate) work: Work,
}

/// Where data is kept.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Folder for all data of Millrace.
    #[arg(long, env = "MILLRACE_DATA", default_value = "data")]
    pub(crate) data: PathBuf,
    /// Umask for everything kept on disk; 027 lets the group read.
    #[arg(long, env = "MILLRACE_UMASK", default_value = "077", value_parser = parse_umask)]
    pub(crate) umask: Umask,
    /// Catalogue: `sqlite://…` or `postgres://…`; an SQLite file in the data folder by default.
    #[arg(long, env = "MILLRACE_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// Most connections of this process to the catalogue, made when they are needed; 8 in the API and 4
    /// in workers by default.
    #[arg(long, env = "MILLRACE_DATABASE_CONNECTIONS_MAX",
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) database_connections_max: Option<u32>,
    /// File with the key that encrypts secrets in the catalogue; created in the data folder by
    /// default.
    /// Every process on one catalogue needs the same.
    #[arg(long, env = "MILLRACE_SECRET_KEY_FILE")]
    pub(crate) secret_key_file: Option<PathBuf>,
    /// Keep this much free on the disk of the store's folder, in MiB, so that the catalogue can
    /// still be written.
    #[arg(long, env = "MILLRACE_STORE_RESERVE_MIB", default_value_t = 512)]
    pub(crate) store_reserve_mib: u64,
    /// Keep objects on S3 instead of in the data folder; credentials come from the usual AWS
    /// environment variables and profiles.
    #[arg(long, env = "MILLRACE_S3")]
    pub(crate) s3: bool,
    /// URL of an S3-compatible store other than AWS.
    #[arg(long, env = "MILLRACE_S3_ENDPOINT")]
    pub(crate) s3_endpoint: Option<Url>,
    /// Region of the S3 buckets.
    #[arg(long, env = "MILLRACE_S3_REGION", default_value = "us-east-1")]
    pub(crate) s3_region: String,
    /// Prefix of every bucket name, as bucket names are global.
    #[arg(long, env = "MILLRACE_S3_BUCKET_PREFIX")]
    pub(crate) s3_bucket_prefix: Option<String>,
    /// Seconds without a byte while an object is read after which the store counts as unavailable
    /// and the step is retried.
    #[arg(long, env = "MILLRACE_S3_PATIENCE", default_value_t = 25,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) s3_patience: u64,
    #[command(flatten)]
    pub(crate) mezzanine: Mezzanine,
}

/// Where to listen.
#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// Address of the API.
    #[arg(long, env = "MILLRACE_API_ADDR", default_value = "127.0.0.1:8000")]
    pub(crate) api_addr: SocketAddr,
    /// Address of the media listener.
    #[arg(long, env = "MILLRACE_MEDIA_ADDR", default_value = "127.0.0.1:9000")]
    pub(crate) media_addr: SocketAddr,
    /// Base URL of media, when players reach it by another address.
    #[arg(long, env = "MILLRACE_MEDIA_URL")]
    pub(crate) media_url: Option<Url>,
    /// Origin of a web application whose pages may call the API, such as
    /// <https://app.example.com>; may be repeated.
    #[arg(long = "allow-origin", env = "MILLRACE_ALLOW_ORIGINS", value_delimiter = ',')]
    pub(crate) allow_origins: Vec<api::Origin>,
    /// Host name by which the API may be called without a key, besides localhost; may be repeated.
    #[arg(long = "allow-host", env = "MILLRACE_ALLOW_HOSTS", value_delimiter = ',')]
    pub(crate) allow_hosts: Vec<String>,
    /// Prefix of the store below which tenants may name sources, besides `tenants/NAME/`:
    /// `BUCKET/PREFIX`
    /// for every tenant, `TENANT=BUCKET/PREFIX` for one; may be repeated.
    #[arg(
        long = "allow-stored-sources",
        env = "MILLRACE_ALLOW_STORED_SOURCES",
        value_delimiter = ','
    )]
    pub(crate) allow_stored_sources: Vec<api::StoredSources>,
    /// Most attempts at one video, the first one included.
    #[arg(long, env = "MILLRACE_ATTEMPTS_MAX", default_value_t = 2)]
    pub(crate) attempts_max: u32,
    /// Days for which the files of a failed or cancelled video are kept, so that it can be tried
    /// again; 0 removes them within a minute.
    #[arg(long, env = "MILLRACE_KEEP_FAILED_DAYS", default_value_t = 7,
        value_parser = clap::value_parser!(u16).range(..=36_500))]
    pub(crate) keep_failed_days: u16,
    /// Unknown API keys that one address may send per minute.
    #[arg(long, env = "MILLRACE_UNKNOWN_KEYS_PER_MINUTE",
        default_value_t = api::Bounds::default().unknown_keys_per_minute)]
    pub(crate) unknown_keys_per_minute: u32,
    /// Most open streams of `/videos/{id}/events`.
    #[arg(long, env = "MILLRACE_EVENT_STREAMS_MAX",
        default_value_t = api::Bounds::default().event_streams)]
    pub(crate) event_streams_max: u32,
    /// Token to send as `Authorization: Bearer …` to read `/metrics`; better set in the
    /// environment. Keys of the tenant `default` may read them too. At least 16 characters.
    #[arg(long, env = "MILLRACE_METRICS_TOKEN", hide_env_values = true)]
    pub(crate) metrics_token: Option<api::OperatorToken>,
    #[command(flatten)]
    pub(crate) uploads: UploadArgs,
    #[command(flatten)]
    pub(crate) connections: ConnectionArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Encoder {
    Auto,
    X264,
    Nvenc,
}

impl From<Encoder> for media::options::EncoderOption {
    fn from(encoder: Encoder) -> Self {
        match encoder {
            Encoder::Auto => Self::Auto,
            Encoder::X264 => Self::X264,
            Encoder::Nvenc => Self::Nvenc,
        }
    }
}

/// How the workers work.
#[derive(Debug, Args)]
pub(crate) struct Work {
    /// Activities that run at the same time, as queue=number; may be repeated.
    #[arg(long, env = "MILLRACE_SLOTS", value_delimiter = ',', value_parser = workers::parse_slots)]
    pub(crate) slots: Vec<(TaskQueue, usize)>,
    /// Folder for temporary files; below the data folder by default.
    #[arg(long, env = "MILLRACE_SCRATCH")]
    pub(crate) scratch: Option<PathBuf>,
    /// Refuse new work while less than this is free, in MiB.
    #[arg(long, env = "MILLRACE_SCRATCH_RESERVE_MIB", default_value_t = 1024)]
    pub(crate) scratch_reserve_mib: u64,
    /// Days for which an abandoned partial download is kept.
    #[arg(long, env = "MILLRACE_KEEP_PARTIAL_DAYS", default_value_t = 7,
        value_parser = clap::value_parser!(u16).range(..=36_500))]
    pub(crate) keep_partial_days: u16,
    /// Networks that sources may come from although they are not public, such as 10.0.0.0/8.
    #[arg(long, env = "MILLRACE_ALLOW_SOURCE_NETWORKS", value_delimiter = ',')]
    pub(crate) allow_source_networks: Vec<fetch::Network>,
    /// Networks that webhooks' receivers may be in although they are not public.
    #[arg(long, env = "MILLRACE_ALLOW_WEBHOOK_NETWORKS", value_delimiter = ',')]
    pub(crate) allow_webhook_networks: Vec<fetch::Network>,
    /// First pause before a message to a webhook is sent again, in milliseconds; it doubles up to an
    /// hour.
    #[arg(long, env = "MILLRACE_WEBHOOK_PAUSE_MS", default_value_t = 5000)]
    pub(crate) webhook_pause_ms: u64,
    /// Largest source, in MiB.
    #[arg(long, env = "MILLRACE_SOURCE_MIB_MAX", default_value_t = 51_200)]
    pub(crate) source_mib_max: u64,
    /// Minimum rate of a download in KiB per second, averaged over a window; 0 for no minimum.
    #[arg(long, env = "MILLRACE_SOURCE_RATE_MIN", default_value_t = 64)]
    pub(crate) source_rate_min: u64,
    /// The window for that average, in seconds.
    #[arg(long, env = "MILLRACE_SOURCE_RATE_SECONDS", default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) source_rate_seconds: u64,
    /// The ffmpeg to use.
    #[arg(long, env = "MILLRACE_FFMPEG", default_value = "ffmpeg")]
    pub(crate) ffmpeg: PathBuf,
    /// The ffprobe to use.
    #[arg(long, env = "MILLRACE_FFPROBE", default_value = "ffprobe")]
    pub(crate) ffprobe: PathBuf,
    /// Video encoder of this worker: `auto` uses NVENC if a trial succeeds, `x264` never tries.
    #[arg(long, env = "MILLRACE_ENCODER", value_enum, default_value = "auto")]
    pub(crate) encoder: Encoder,
    /// The yt-dlp to use.
    #[arg(long, env = "MILLRACE_YT_DLP")]
    pub(crate) yt_dlp: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) children: ChildArgs,
}
