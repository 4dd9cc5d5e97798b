//! A receiver of webhooks on a real port, and their signatures as another implementation makes them.

use std::sync::Arc;

use axum::{Router, body::Bytes, extract::State, http::HeaderMap};
use fixtures::{PATIENCE, tools};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What is posted.
pub(crate) type Message = (HeaderMap, Bytes);

/// A receiver that takes everything.
pub(crate) struct Receiver(UnboundedReceiver<Message>);

impl Receiver {
    /// Listens on a port of the system's choice, which it gives too.
    pub(crate) async fn start() -> (Self, u16) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (Self::on(listener), port)
    }

    /// Listens on a port that the test holds.
    pub(crate) async fn listen(port: &fixtures::Port) -> Self {
        Self::on(tokio::net::TcpListener::bind(("127.0.0.1", port.number())).await.unwrap())
    }

    fn on(listener: tokio::net::TcpListener) -> Self {
        let (sender, messages) = unbounded_channel();
        let take = async |State(sender): State<Arc<UnboundedSender<Message>>>,
                          headers: HeaderMap,
                          body: Bytes| { sender.send((headers, body)).unwrap() };
        let app = Router::new().fallback(take).with_state(Arc::new(sender));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self(messages)
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Message {
        tokio::time::timeout(PATIENCE, self.0.recv()).await.expect("a message comes").unwrap()
    }
}

/// The body of a message.
pub(crate) fn told(message: &Message) -> Value {
    serde_json::from_slice(&message.1).unwrap()
}

/// One header of a message, empty when it is not there.
pub(crate) fn header<'a>(message: &'a Message, name: &str) -> &'a str {
    message.0.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

/// HMAC-SHA256 under the bytes of a secret, in hexadecimal and in base64, by Python.
pub(crate) fn hmac(secret: &str, signed: &str) -> [String; 2] {
    let script = "import base64, hashlib, hmac, sys\n\
        one = hmac.new(sys.argv[1].encode(), sys.argv[2].encode(), hashlib.sha256)\n\
        print(one.hexdigest(), base64.b64encode(one.digest()).decode())";
    let python = tools::require_or_skip("python3").unwrap();
    let output = tools::command(python).args(["-c", script, secret, signed]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut words = text.split_whitespace().map(str::to_owned);
    [words.next().unwrap(), words.next().unwrap()]
}

/// What `webhook-signature` must be under a secret that is its own bytes.
pub(crate) fn signature(secret: &str, message: &Message) -> String {
    let body = std::str::from_utf8(&message.1).unwrap();
    let [id, stamp] = ["webhook-id", "webhook-timestamp"].map(|name| header(message, name));
    format!("v1,{}", hmac(secret, &format!("{id}.{stamp}.{body}"))[1])
}
