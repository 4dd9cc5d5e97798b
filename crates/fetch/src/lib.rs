//! Owns every connection to an address a user gave: downloads over http(s), yt-dlp for pages of sites
//! it knows, and messages to webhooks. Nothing here reaches an address that is not public, unless it is allowed by
//! [`Config::allow`]: not directly, not by a redirect, not by a name that resolves there, and not
//! through yt-dlp, whose only way out is a proxy with the same [`Filter`].
//!
//! The filter is our own because http-acl, the crate for this, knows no "public, and these networks
//! too", and because the proxy needs the same decision outside of reqwest.
//!
//! Does not retry, does not probe, and knows neither the store nor Temporal.

mod client;
mod config;
mod download;
mod error;
mod filter;
mod merge;
mod network;
mod pace;
mod part;
mod post;
mod proxy;
mod proxy_request;
mod resolve;
mod site;
mod source_name;
mod ytdlp;

pub use client::{Client, Downloaded, Progress};
pub use config::Config;
pub use error::{Error, Refusal};
pub use filter::{Filter, is_public};
pub use network::{InvalidNetwork, Network};
pub use post::{Answer, Poster};
pub use proxy::Proxy;
