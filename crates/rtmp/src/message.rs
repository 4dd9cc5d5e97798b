//! Message types, and the control messages (RTMP 1.0, 5.4, 6.2, 7.1).

use crate::Error;

/// Message types.
pub(crate) mod kind {
    pub(crate) const SET_CHUNK_SIZE: u8 = 1;
    pub(crate) const ABORT: u8 = 2;
    pub(crate) const ACKNOWLEDGEMENT: u8 = 3;
    pub(crate) const USER_CONTROL: u8 = 4;
    pub(crate) const WINDOW_SIZE: u8 = 5;
    pub(crate) const PEER_BANDWIDTH: u8 = 6;
    pub(crate) const AUDIO: u8 = 8;
    pub(crate) const VIDEO: u8 = 9;
    pub(crate) const DATA_AMF3: u8 = 15;
    pub(crate) const COMMAND_AMF3: u8 = 17;
    pub(crate) const DATA: u8 = 18;
    pub(crate) const COMMAND: u8 = 20;
    pub(crate) const AGGREGATE: u8 = 22;
}

/// User control events (7.1.7).
pub(crate) mod control {
    pub(crate) const STREAM_BEGIN: u16 = 0;
    pub(crate) const PING_REQUEST: u16 = 6;
    pub(crate) const PING_RESPONSE: u16 = 7;
}

/// The 32-bit number of a control message.
pub(crate) fn number(kind: u8, payload: &[u8]) -> Result<u32, Error> {
    let bytes = payload.first_chunk().ok_or(Error::ControlTruncated { kind })?;
    Ok(u32::from_be_bytes(*bytes))
}

/// The event of a user control message, and its data.
pub(crate) fn user_control(payload: &[u8]) -> Result<(u16, &[u8]), Error> {
    let truncated = Error::ControlTruncated { kind: kind::USER_CONTROL };
    let (event, data) = payload.split_first_chunk().ok_or(truncated)?;
    Ok((u16::from_be_bytes(*event), data))
}
