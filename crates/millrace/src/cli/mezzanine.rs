//! Flags of the store of master copies.

use std::path::PathBuf;

use clap::Args;
use url::Url;

/// Where master copies are kept, if not with everything else.
#[derive(Debug, Args)]
pub(crate) struct Mezzanine {
    /// Folder of master copies.
    #[arg(
        id = "mezzanine_folder",
        long = "mezzanine-folder",
        env = "MILLRACE_MEZZANINE_FOLDER",
        conflicts_with = "mezzanine_s3_endpoint"
    )]
    pub(crate) folder: Option<PathBuf>,
    /// URL of the S3-compatible store of master copies.
    #[arg(
        id = "mezzanine_s3_endpoint",
        long = "mezzanine-s3-endpoint",
        env = "MILLRACE_MEZZANINE_S3_ENDPOINT"
    )]
    pub(crate) s3_endpoint: Option<Url>,
    /// Region of its bucket.
    #[arg(
        id = "mezzanine_s3_region",
        long = "mezzanine-s3-region",
        env = "MILLRACE_MEZZANINE_S3_REGION",
        default_value = "us-east-1"
    )]
    pub(crate) s3_region: String,
    /// Prefix of its bucket's name.
    #[arg(
        id = "mezzanine_s3_bucket_prefix",
        long = "mezzanine-s3-bucket-prefix",
        env = "MILLRACE_MEZZANINE_S3_BUCKET_PREFIX"
    )]
    pub(crate) s3_bucket_prefix: Option<String>,
    /// Its access key id; the usual AWS environment variables and profiles by default.
    #[arg(
        id = "mezzanine_s3_access_key",
        long = "mezzanine-s3-access-key",
        env = "MILLRACE_MEZZANINE_S3_ACCESS_KEY"
    )]
    pub(crate) s3_access_key: Option<String>,
    /// Its secret access key; better given in the environment, where no process list shows it.
    #[arg(id = "mezzanine_s3_secret_key", long = "mezzanine-s3-secret-key", env = "MILLRACE_MEZZANINE_S3_SECRET_KEY", hide_env_values = true, value_parser = secret)]
    pub(crate) s3_secret_key: Option<storage::Secret>,
}

#[expect(clippy::unnecessary_wraps, reason = "clap's parsers answer a result")]
fn secret(text: &str) -> Result<storage::Secret, std::convert::Infallible> {
    Ok(storage::Secret::new(text))
}
