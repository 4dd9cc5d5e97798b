//! Flags of `millrace keys`.

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};

use super::Common;

#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) what: KeysCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Creates a key and prints it; it cannot be shown again.
    Create(NewKey),
    /// Lists the keys, without their text.
    List,
    /// Revokes a key; running API processes stop taking it within two seconds.
    Revoke {
        /// Its id, as `list` shows it.
        id: uuid::Uuid,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NewKey {
    /// Its name.
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    /// Its tenant; tenants cannot see each other's videos. 1 to 64 letters, digits, `-`, `_` and
    /// `.`.
    #[arg(long, default_value = "default", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) tenant: String,
    /// Most requests per minute, a sixth of them in a burst; unlimited by default.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) requests_per_minute: Option<u32>,
    /// Most unfinished videos; unlimited by default.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) videos_max: Option<u32>,
}
