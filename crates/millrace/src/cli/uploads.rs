//! Flags of uploads.

use std::path::PathBuf;

use clap::Args;

/// Limits of uploads.
#[derive(Debug, Args)]
pub(crate) struct UploadArgs {
    /// Folder where uploads arrive before they go into the store; below the data folder by default.
    /// Several APIs behind one address must share it, unless an upload always reaches the same one.
    #[arg(id = "uploads_folder", long = "uploads-folder", env = "MILLRACE_UPLOADS_FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// Largest upload, in MiB.
    #[arg(
        id = "upload_mib_max",
        long = "upload-mib-max",
        env = "MILLRACE_UPLOAD_MIB_MAX",
        default_value_t = 51_200
    )]
    pub(crate) mib_max: u64,
    /// Most declared MiB of all unfinished uploads of one tenant.
    #[arg(
        id = "tenant_upload_mib_max",
        long = "tenant-upload-mib-max",
        env = "MILLRACE_TENANT_UPLOAD_MIB_MAX",
        default_value_t = api::Bounds::default().tenant_upload_bytes >> 20
    )]
    pub(crate) tenant_mib_max: u64,
    /// Keep this much free on the uploads' disk, in MiB.
    #[arg(
        id = "uploads_reserve_mib",
        long = "uploads-reserve-mib",
        env = "MILLRACE_UPLOADS_RESERVE_MIB",
        default_value_t = 1024
    )]
    pub(crate) reserve_mib: u64,
}
