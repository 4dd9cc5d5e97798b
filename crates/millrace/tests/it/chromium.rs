//! A Chromium that a test operates as a person does: keys go in, the page is read.
//!
//! Speaks the `DevTools` protocol over a pipe, so that no port is opened and no library is needed.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use fixtures::PATIENCE;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Headless, without a display, a sound card or a way to the Internet; as root in a container too.
pub(crate) const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];
/// Chromium reads orders from descriptor 3 and answers on 4; ours are a child's first two.
const PIPES: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

/// A browser with one tab. Dropped, it is killed.
pub(crate) struct Chromium {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    number: u64,
    /// What the page wrote to its console, and exceptions nobody caught.
    complaints: Vec<Value>,
    _profile: TempDir,
}

impl Chromium {
    /// Starts a browser on a profile of its own, with a tab of this size, in CSS pixels.
    pub(crate) fn start(program: &Path, width: u32, height: u32) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut process = fixtures::tools::command("sh")
            .args(["-c", PIPES])
            .arg(program)
            .args(FLAGS)
            .args(["--remote-debugging-pipe", "about:blank"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        let mut browser = Self {
            process,
            orders,
            answers,
            session: None,
            number: 0,
            complaints: Vec::new(),
            _profile: profile,
        };
        let tab = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": tab["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", &attach);
        browser.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Runtime.enable", "Page.enable", "Log.enable"] {
            browser.call(domain, &json!({}));
        }
        browser.resize(width, height);
        browser
    }

    /// Gives one order and waits for its answer.
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Value {
        self.number += 1;
        let mut order = json!({"id": self.number, "method": method, "params": params});
        if let Some(session) = &self.session {
            order["sessionId"] = session.as_str().into();
        }
        write!(self.orders, "{order}\0").unwrap();
        loop {
            let message = self.hear();
            if message["id"] == self.number {
                assert!(message["error"].is_null(), "{method}: {message:#}");
                return message["result"].clone();
            }
        }
    }

    /// The next message, noted where it is a complaint.
    fn hear(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.answers.read_until(0, &mut bytes).unwrap();
        assert_eq!(bytes.pop(), Some(0), "the browser ended");
        let message: Value = serde_json::from_slice(&bytes).unwrap();
        match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => self.complaints.push(message["params"].clone()),
            Some("Log.entryAdded") if message["params"]["entry"]["level"] == "error" => {
                self.complaints.push(message["params"].clone());
            }
            _ => {}
        }
        message
    }

    /// What the page complained of so far, and forgets it.
    pub(crate) fn complaints(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.complaints)
    }

    /// Opens an address in the tab.
    pub(crate) fn open(&mut self, address: &str) {
        self.call("Page.navigate", &json!({"url": address}));
        self.until("document.readyState === 'complete'");
    }

    /// Makes the tab this large, in CSS pixels.
    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Has the page believe that its reader wants this colour scheme, `light` or `dark`.
    pub(crate) fn scheme(&mut self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// What an expression of the page is worth; a promise is waited for.
    #[track_caller]
    pub(crate) fn read(&mut self, expression: &str) -> Value {
        let asked = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true,
        });
        let answer = self.call("Runtime.evaluate", &asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer:#}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression of the page is true; looked at with every frame it paints.
    #[track_caller]
    pub(crate) fn until(&mut self, expression: &str) {
        let held = self.read(&format!(
            "new Promise((done) => {{
                const late = performance.now() + {};
                const look = () => ({expression}) ? done(true)
                    : performance.now() > late ? done(false) : requestAnimationFrame(look);
                look();
            }})",
            PATIENCE.as_millis()
        ));
        if held != true {
            let shown = self.read("document.body.innerText");
            panic!("never {expression}; the page shows:\n{shown}\n{:#?}", self.complaints);
        }
    }

    /// Presses a key, with its `key`, its `code` as key events name them, and its number.
    fn press(&mut self, key: &str, number: u32, text: &str, modifiers: u32) {
        let mut event = json!({
            "type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": number,
            "modifiers": modifiers,
        });
        if !text.is_empty() {
            event["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", &event);
        event["type"] = "keyUp".into();
        self.call("Input.dispatchKeyEvent", &event);
    }

    /// Presses one of the keys that do something.
    #[track_caller]
    pub(crate) fn key(&mut self, key: &str) {
        match key {
            "Tab" => self.press(key, 9, "", 0),
            "Enter" => self.press(key, 13, "\r", 0),
            "Space" => self.press(" ", 32, " ", 0),
            "Escape" => self.press(key, 27, "", 0),
            "ArrowUp" => self.press(key, 38, "", 0),
            "ArrowRight" => self.press(key, 39, "", 0),
            "ArrowDown" => self.press(key, 40, "", 0),
            _ => panic!("{key} has no number here"),
        }
    }

    /// Presses Tab until the element that `selector` names has the focus.
    #[track_caller]
    pub(crate) fn tab_to(&mut self, selector: &str) {
        let there = format!("document.activeElement?.matches({selector:?}) === true");
        for _ in 0..60 {
            if self.read(&there) == true {
                let outlined = "getComputedStyle(document.activeElement).outlineStyle !== 'none'";
                assert_eq!(self.read(outlined), true, "the focus on {selector} cannot be seen");
                return;
            }
            self.key("Tab");
        }
        panic!("Tab does not lead to {selector}");
    }

    /// Chooses a file in the field that `selector` names, as the dialogue of the system does.
    pub(crate) fn choose(&mut self, selector: &str, file: &Path) {
        let asked = json!({"expression": format!("document.querySelector({selector:?})")});
        let field = self.call("Runtime.evaluate", &asked)["result"]["objectId"].clone();
        self.call("DOM.setFileInputFiles", &json!({"files": [file], "objectId": field}));
    }

    /// Has the network take so many bytes a second from the page; `-1` takes what comes.
    pub(crate) fn take(&mut self, bytes_per_second: i32) {
        self.call("Network.enable", &json!({}));
        let limits = json!({
            "offline": false, "latency": 0, "downloadThroughput": -1,
            "uploadThroughput": bytes_per_second,
        });
        self.call("Network.emulateNetworkConditions", &limits);
    }

    /// Types a text where the focus is.
    pub(crate) fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", &json!({"text": text}));
    }

    /// Takes a picture of what is shown and keeps it among the files of the build, by this name.
    pub(crate) fn picture(&mut self, name: &str) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", &json!({"format": "png"}));
        let png = BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        let folder = fixtures::tools::cache_dir("pictures");
        fs_err::write(folder.join(format!("{name}.png")), &png).unwrap();
        png
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
