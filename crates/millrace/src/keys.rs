//! `millrace keys`: makes, lists and revokes API keys.

use anyhow::Context as _;
use catalog::{ApiKey, Catalog, NewApiKey};
use contract::ApiKeyId;
use media::tenant;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{cli, compose};

/// Does what was asked with the keys of the catalogue.
pub(crate) async fn run(args: cli::Keys) -> anyhow::Result<()> {
    let catalog = compose::catalog(&args.common).await?;
    match args.what {
        cli::KeysCommand::Create(asked) => {
            check_tenant(&catalog, &asked.tenant).await?;
            let (key, text) = catalog.create_api_key(asked.into()).await.context("make the key")?;
            created(&key, text.expose());
        }
        cli::KeysCommand::List => list(&catalog.api_keys().await.context("read the keys")?),
        cli::KeysCommand::Revoke { id } => {
            let revoked = catalog.revoke_api_key(ApiKeyId(id)).await.context("revoke the key")?;
            let key = revoked
                .with_context(|| format!("there is no key {id}; see `millrace keys list`"))?;
            say(&format!("{} ({}) is revoked", key.id, key.name));
        }
    }
    Ok(())
}

/// Names of tenants have an alphabet. A tenant of the time before there was one keeps its name, and can
/// have further keys.
async fn check_tenant(catalog: &Catalog, name: &str) -> anyhow::Result<()> {
    let Err(fault) = tenant::check(name) else { return Ok(()) };
    let keys = catalog.api_keys().await.context("read the keys")?;
    if keys.iter().any(|key| key.tenant == name) {
        return Ok(());
    }
    Err(fault).with_context(|| format!("`{name}` cannot be a tenant"))
}

impl From<cli::NewKey> for NewApiKey {
    fn from(asked: cli::NewKey) -> Self {
        let cli::NewKey { name, tenant, requests_per_minute, videos_max } = asked;
        Self { name, tenant, requests_per_minute, videos_max }
    }
}

/// Only the key goes to the standard output, so that a script can keep it.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the key is what the user asked for")]
fn created(key: &ApiKey, text: &str) {
    eprintln!("Key {} of tenant `{}`. It is shown this once:", key.id, key.tenant);
    println!("{text}");
}

fn list(keys: &[ApiKey]) {
    say(&format!(
        "{:36}  {:16}  {:16}  {:>10}  {:>10}  {:20}  {}",
        "ID", "NAME", "TENANT", "REQ/MIN", "VIDEOS", "CREATED", "REVOKED"
    ));
    for key in keys {
        let limit = |limit: Option<u32>| limit.map_or("-".to_owned(), |limit| limit.to_string());
        say(&format!(
            "{:36}  {:16}  {:16}  {:>10}  {:>10}  {:20}  {}",
            key.id.to_string(),
            key.name,
            key.tenant,
            limit(key.requests_per_minute),
            limit(key.videos_max),
            seconds(key.created_at),
            key.revoked_at.map_or("-".to_owned(), seconds),
        ));
    }
}

#[expect(clippy::print_stdout, reason = "the answer is for the terminal")]
fn say(line: &str) {
    println!("{line}");
}

fn seconds(time: OffsetDateTime) -> String {
    let time = time.replace_nanosecond(0).unwrap_or(time);
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}
