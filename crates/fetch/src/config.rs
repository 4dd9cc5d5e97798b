//! What an operator may set about downloads.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Deserializer};

use crate::Network;

/// What an operator may set about downloads.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Networks that sources may come from although they are not public. None by default.
    pub allow: Vec<Network>,
    /// The largest source, in bytes. 50 GiB by default.
    pub max_bytes: u64,
    /// How long connecting may take. 10 s by default.
    #[serde(rename = "connect_timeout_seconds", deserialize_with = "seconds")]
    pub connect_timeout: Duration,
    /// How long a server may send nothing before the download counts as broken. 30 s by default.
    #[serde(rename = "read_timeout_seconds", deserialize_with = "seconds")]
    pub read_timeout: Duration,
    /// Bytes a second that must arrive, on average over a window; 0 asks for nothing. 64 KiB by
    /// default.
    pub least_rate: u64,
    /// The window over which that is measured. A minute by default.
    #[serde(rename = "rate_window_seconds", deserialize_with = "seconds")]
    pub rate_window: Duration,
    /// The yt-dlp to run. By default the one on PATH.
    pub ytdlp: Option<PathBuf>,
    /// The ffmpeg that joins the picture and the sound that yt-dlp brings, and how both are contained.
    #[serde(skip)]
    pub tools: ffmpeg::Tools,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            max_bytes: 50 << 30,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            least_rate: 64 << 10,
            rate_window: Duration::from_mins(1),
            ytdlp: None,
            tools: ffmpeg::Tools::default(),
        }
    }
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_has_its_default() {
        let config: Config =
            serde_json::from_str(r#"{"allow": ["10.0.0.0/8"], "read_timeout_seconds": 5}"#)
                .unwrap();
        assert_eq!(config.allow, ["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(config.read_timeout, Duration::from_secs(5));
        assert_eq!(config.connect_timeout, Duration::from_secs(10));
        assert_eq!(config.max_bytes, 53_687_091_200);
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<Config>(r#"{"alow": []}"#).is_err());
    }
}
