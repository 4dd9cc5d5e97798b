//! `millrace webhooks secret …`: shows and changes what signs messages to webhooks.

use anyhow::Context as _;
use catalog::SigningSecret;
use clap::{Args, Subcommand};

use crate::{cli::Common, compose};

#[derive(Debug, Subcommand)]
pub(crate) enum Webhooks {
    /// The secrets that sign messages of webhooks without one of their own.
    #[command(subcommand)]
    Secret(Secret),
}

impl Webhooks {
    /// Where things are kept.
    pub(crate) fn common(&self) -> &Common {
        match self {
            Self::Secret(Secret::Show(asked)) => &asked.common,
            Self::Secret(Secret::Rotate(asked)) => &asked.common,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// Prints the secrets that sign now, the newest first; makes the first one.
    Show(Show),
    /// Makes a new secret; those before it sign too for a while.
    Rotate(Rotate),
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    common: Common,
    /// Whose secrets.
    #[arg(long, default_value = "default")]
    tenant: String,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    common: Common,
    /// Whose secrets.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Hours for which the secrets before the new one sign too.
    #[arg(long, default_value_t = 24)]
    overlap_hours: u32,
}

/// Runs one of the commands and prints the secrets that sign from now on.
pub(crate) async fn run(Webhooks::Secret(asked): Webhooks) -> anyhow::Result<()> {
    let secrets = match asked {
        Secret::Show(Show { common, tenant }) => {
            compose::catalog(&common).await?.signing_secrets(&tenant).await
        }
        Secret::Rotate(Rotate { common, tenant, overlap_hours }) => {
            let catalog = compose::catalog(&common).await?;
            let overlap = std::time::Duration::from_secs(u64::from(overlap_hours) * 3600);
            catalog.rotate_signing_secret(&tenant, overlap).await
        }
    };
    print(&secrets.context("use the catalogue")?);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the secrets are what the user asked for")]
fn print(secrets: &[SigningSecret]) {
    for SigningSecret { secret, expires_at, .. } in secrets {
        let until = expires_at.map(|end| format!("  until {end}")).unwrap_or_default();
        println!("{}{until}", secret.expose());
    }
}
