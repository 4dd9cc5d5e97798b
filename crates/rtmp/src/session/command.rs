//! The commands of a publisher.

use super::{Ended, Event, Phase, PublishRequest, Session, StreamKey, WINDOW, reply};
use crate::{
    Error,
    amf0::Value,
    chunk::Message,
    message::{control, kind},
};

/// The chunk size of replies: the longest fits into one.
const REPLY_CHUNK_BYTES: u32 = 4096;
/// Names of applications and encoders are cut here, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// The message stream that `createStream` gives out. One connection publishes one stream.
const STREAM: f64 = 1.0;

impl Session {
    pub(super) fn handle_command(&mut self, message: &Message) -> Result<Option<Event>, Error> {
        let values = self.values(message.kind == kind::COMMAND_AMF3, &message.payload)?;
        let (name, transaction, arguments) = match values.as_slice() {
            [Value::Text(name), Value::Number(transaction), rest @ ..] => {
                (name, *transaction, rest)
            }
            [Value::Text(name), rest @ ..] => (name, 0.0, rest),
            _ => return Err(Error::Command { command: "(without a name)" }),
        };
        match name.as_str() {
            "connect" => self.connect(transaction, arguments.first())?,
            "createStream" => {
                self.connected("createStream")?;
                self.command(0, &reply::result(transaction, Some(STREAM)));
            }
            "releaseStream" | "FCPublish" | "_checkbw" => {
                self.command(0, &reply::result(transaction, None));
            }
            "publish" => return self.publish(message.stream, arguments.get(1)).map(Some),
            "FCUnpublish" | "closeStream" | "deleteStream" => {
                if transaction != 0.0 && name == "FCUnpublish" {
                    self.command(0, &reply::result(transaction, None));
                }
                return Ok(self.unpublish());
            }
            "play" | "play2" => return Err(Error::PlayRefused),
            // Encoders ask for all kinds of things and wait for none of them.
            _ => self.statistics.ignored += 1,
        }
        Ok(None)
    }

    fn connect(&mut self, transaction: f64, object: Option<&Value>) -> Result<(), Error> {
        let wrong = Error::Command { command: "connect" };
        let (Phase::Open, Some(object)) = (&self.phase, object) else { return Err(wrong) };
        let text = |name| object.get(name).and_then(Value::text).unwrap_or_default();
        self.app = cut(without_query(text("app")));
        self.encoder = cut(text("flashVer"));
        self.phase = Phase::Connected;
        self.control(kind::WINDOW_SIZE, &WINDOW.to_be_bytes());
        // The last byte says that the limit is dynamic (RTMP 1.0, 5.4.5).
        self.control(kind::PEER_BANDWIDTH, &[&WINDOW.to_be_bytes()[..], &[2]].concat());
        self.control(kind::SET_CHUNK_SIZE, &REPLY_CHUNK_BYTES.to_be_bytes());
        self.writer.set_chunk_size(REPLY_CHUNK_BYTES);
        self.command(0, &reply::connected(transaction));
        Ok(())
    }

    fn publish(&mut self, stream: u32, name: Option<&Value>) -> Result<Event, Error> {
        self.connected("publish")?;
        let name = name.and_then(Value::text).ok_or(Error::Command { command: "publish" })?;
        self.phase = Phase::Asked { stream };
        Ok(Event::Publish(PublishRequest {
            app: self.app.clone(),
            key: StreamKey(without_query(name).to_owned()),
            encoder: self.encoder.clone(),
        }))
    }

    fn unpublish(&mut self) -> Option<Event> {
        let (stream, ended) = match self.phase {
            Phase::Asked { stream } => (stream, Ended::BeforePublishing),
            Phase::Publishing { stream } => (stream, Ended::Unpublished),
            // Some encoders clear away what an earlier connection may have left.
            _ => return None,
        };
        self.phase = Phase::Ended;
        let status = reply::status("status", "NetStream.Unpublish.Success", "ended");
        self.command(stream, &status);
        Some(Event::Ended(ended))
    }

    fn connected(&self, command: &'static str) -> Result<(), Error> {
        let connected = matches!(self.phase, Phase::Connected);
        if connected { Ok(()) } else { Err(Error::Command { command }) }
    }

    pub(super) fn ping(&mut self, now: std::time::Duration) {
        // Milliseconds, modulo 2³², which the peer returns.
        self.user_control(control::PING_REQUEST, (now.as_millis() & 0xffff_ffff) as u32);
    }

    pub(super) fn user_control(&mut self, event: u16, data: u32) {
        let payload = [&event.to_be_bytes()[..], &data.to_be_bytes()].concat();
        self.control(kind::USER_CONTROL, &payload);
    }

    /// Control messages belong on chunk stream 2 and message stream 0 (RTMP 1.0, 5.4).
    pub(super) fn control(&mut self, kind: u8, payload: &[u8]) {
        self.writer.write(&mut self.output, 2, kind, 0, payload);
    }

    pub(super) fn command(&mut self, stream: u32, payload: &[u8]) {
        self.writer.write(&mut self.output, 3, kind::COMMAND, stream, payload);
    }
}

fn without_query(name: &str) -> &str {
    name.split_once('?').map_or(name, |(name, _)| name)
}

fn cut(name: &str) -> String {
    name[..name.floor_char_boundary(NAME_BYTES_MAX)].to_owned()
}
