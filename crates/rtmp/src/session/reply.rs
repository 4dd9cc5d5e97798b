//! The bodies of the commands that are sent to a publisher.

use crate::amf0::Writer;

/// What enhanced RTMP v2 calls `capsEx`: modifiers (4) with nanoseconds (8) are read. Multitrack (2)
/// is left out: a second track may be sent, but is not used.
const CAPABILITIES_EX: f64 = 12.0;
/// Codecs beyond FLV's own that may be published.
const FOURCCS: [&str; 10] =
    ["avc1", "hvc1", "av01", "vp09", "mp4a", "Opus", ".mp3", "fLaC", "ac-3", "ec-3"];

/// The answer to `connect`.
pub(super) fn connected(transaction: f64) -> Vec<u8> {
    Writer::default()
        .text("_result")
        .number(transaction)
        .object(|object| {
            // Encoders compare this with the servers they know; none minds an unknown one.
            object.key("fmsVer").text("FMS/3,5,7,7009").key("capabilities").number(31.0)
        })
        .object(|object| {
            object
                .key("level")
                .text("status")
                .key("code")
                .text("NetConnection.Connect.Success")
                .key("description")
                .text("connected")
                .key("objectEncoding")
                .number(0.0)
                .key("capsEx")
                .number(CAPABILITIES_EX)
                .key("fourCcList")
                .texts(&FOURCCS)
        })
        .finish()
}

/// The answer to a call, with a number where it has one.
pub(super) fn result(transaction: f64, number: Option<f64>) -> Vec<u8> {
    let writer = Writer::default().text("_result").number(transaction).null();
    match number {
        Some(number) => writer.number(number).finish(),
        None => writer.finish(),
    }
}

/// A status, which encoders show when its level is `error`.
pub(super) fn status(level: &str, code: &str, description: &str) -> Vec<u8> {
    Writer::default()
        .text("onStatus")
        .number(0.0)
        .null()
        .object(|object| {
            object
                .key("level")
                .text(level)
                .key("code")
                .text(code)
                .key("description")
                .text(description)
        })
        .finish()
}
