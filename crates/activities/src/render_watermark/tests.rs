//! Marks are decoded and looked at: where there is ink, of which colour, and how large it is.

use fixtures::tools;
use media::{bitrate::Bitrate, options::Position};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::studio::Studio;

/// A decoded mark: red, green, blue and alpha of every pixel, row by row.
struct Pixels {
    width: usize,
    rows: Vec<Vec<[u8; 4]>>,
    margin: u32,
}

impl Pixels {
    fn height(&self) -> usize {
        self.rows.len()
    }

    fn all(&self) -> impl Iterator<Item = [u8; 4]> {
        self.rows.iter().flatten().copied()
    }

    /// Columns that hold any ink, as runs of neighbours.
    fn letters(&self) -> usize {
        let inked = |x: usize| self.rows.iter().any(|row| row[x][3] > 0);
        let starts = |x: &usize| inked(*x) && (*x == 0 || !inked(x - 1));
        (0..self.width).filter(starts).count()
    }
}

fn rung(width: u32, height: u32) -> Rung {
    let bitrate = Bitrate::kilobits(100);
    Rung { name: format!("{height}p"), width, height, bitrate, audio_bitrate: bitrate }
}

fn text(text: &str) -> WatermarkOption {
    let text = Some(text.to_owned());
    let position = Position::BottomRight;
    WatermarkOption { text, image: None, position, opacity: 0.7, size: None }
}

fn image(image: WatermarkImage) -> WatermarkOption {
    WatermarkOption { text: None, image: Some(image), opacity: 1.0, ..text("") }
}

fn stored_image(studio: &Studio, name: &str) -> WatermarkOption {
    let key = format!("{}/{name}", studio.video);
    image(WatermarkImage { url: None, bucket: Some("thumbnails".into()), key: Some(key) })
}

async fn rendered(studio: &Studio, option: &WatermarkOption) -> Result<Output, Error> {
    rendered_in(studio, option, vec![rung(1280, 720), rung(640, 360)]).await
}

async fn rendered_in(
    studio: &Studio,
    option: &WatermarkOption,
    rungs: Vec<Rung>,
) -> Result<Output, Error> {
    let input = Input { video: studio.video, option: option.clone(), rungs };
    run(&studio.deps, &Pulse::still(), input).await
}

async fn drawn(studio: &Studio, option: &WatermarkOption) -> Vec<Pixels> {
    decoded(studio, &rendered(studio, option).await.unwrap())
}

fn decoded(studio: &Studio, made: &Output) -> Vec<Pixels> {
    let root = studio.deps.store.folder_root().unwrap();
    let pixels = |mark: &Mark| pixels(&root.join(&mark.bucket).join(&mark.key), mark.margin);
    made.marks.iter().map(pixels).collect()
}

fn pixels(file: &Path, margin: u32) -> Pixels {
    let mut ffprobe = tools::command(tools::ffprobe().unwrap());
    ffprobe.args(["-v", "error", "-show_entries", "stream=width", "-of", "csv=p=0"]).arg(file);
    let width = String::from_utf8(ffprobe.output().unwrap().stdout).unwrap();
    let width: usize = width.trim().parse().unwrap();
    let mut ffmpeg = tools::command(tools::ffmpeg().unwrap());
    ffmpeg.args(["-v", "error", "-i"]).arg(file);
    ffmpeg.args(["-f", "rawvideo", "-pix_fmt", "rgba", "-"]);
    let raw = ffmpeg.output().unwrap().stdout;
    let row = |row: &[u8]| row.chunks(4).map(|p| [p[0], p[1], p[2], p[3]]).collect();
    Pixels { width, rows: raw.chunks(width * 4).map(row).collect(), margin }
}

/// A file that ffmpeg makes, as an object of the store.
async fn store(studio: &Studio, name: &str, args: &[&str]) {
    let file = studio.folder.path().join(name);
    let mut ffmpeg = tools::command(tools::ffmpeg().unwrap());
    ffmpeg.args(["-v", "error", "-f", "lavfi", "-i"]).args(args).arg(&file);
    assert!(ffmpeg.status().unwrap().success());
    let object = Layout::new(studio.video).thumbnail(name).unwrap();
    studio.deps.store.copy_file(&object, &file).await.unwrap();
}

async fn store_bytes(studio: &Studio, name: &str, bytes: &[u8]) {
    let object = Layout::new(studio.video).thumbnail(name).unwrap();
    studio.deps.store.put_bytes(&object, bytes.to_vec()).await.unwrap();
}

fn code(error: &Error) -> Option<ErrorCode> {
    match error {
        Error::Media { code, .. } => Some(*code),
        _ => None,
    }
}

#[tokio::test]
async fn letters_are_white_with_a_dark_edge_and_as_large_in_every_rung() {
    let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
    let studio = Studio::open().await;
    let marks = drawn(&studio, &text("© Brand")).await;
    let [large, small] = &marks[..] else { panic!("{} marks", marks.len()) };
    assert_eq!((large.margin, small.margin), (22, 11));
    for (a, b) in [(large.width, small.width), (large.height(), small.height())] {
        assert!(a.abs_diff(2 * b) <= 4, "{a} and {b}");
    }
    assert!((24..=40).contains(&large.height()), "{}", large.height());
    for mark in &marks {
        let alpha = |pixel: [u8; 4]| u32::from(pixel[3]);
        let most = mark.all().map(alpha).max().unwrap();
        assert!((177..=180).contains(&most), "{most}");
        assert!(mark.all().any(|p| p[0] == 255 && p[1] == 255 && p[2] == 255 && p[3] > 176));
        assert!(mark.all().any(|p| p[0] == 0 && p[1] == 0 && p[2] == 0 && p[3] > 176));
        let last = mark.width - 1;
        assert!(
            [&mark.rows[0], &mark.rows[mark.height() - 1]]
                .iter()
                .all(|row| row.iter().any(|p| p[3] > 0))
        );
        assert!([0, last].iter().all(|x| mark.rows.iter().any(|row| row[*x][3] > 0)));
    }
}

#[tokio::test]
async fn any_text_is_a_text() {
    let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
    let studio = Studio::open().await;
    let draw = async |written: &str| {
        let made = rendered_in(&studio, &text(written), vec![rung(640, 360)]).await.unwrap();
        decoded(&studio, &made).remove(0)
    };
    // Spaces keep letters apart: every one must be there, in one line of 18 pixels.
    for (written, letters) in
        [(r"{ \ b 1 }", 5), (r"\ N \ h \ n", 6), (r"% { p t s } : ' \ ", 9), ("ש ל ו ם", 4)]
    {
        let mark = draw(written).await;
        assert_eq!(mark.letters(), letters, "{written:?}");
        assert!(mark.height() < 23, "{written:?} is {} high", mark.height());
    }
    let (one, two) = (draw(r"a\Nb").await.height(), draw("a\nb").await.height());
    assert!(one < 20 && two > 25, "{one} and {two}");
    let (plain, braced) = (draw("abc").await.width, draw(r"{\b1}abc").await.width);
    assert!(braced > plain + 20, "{braced} and {plain}");
}

#[tokio::test]
async fn a_long_text_shrinks_into_the_room_and_none_is_an_error() {
    let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
    let studio = Studio::open().await;
    let draw = async |option: &WatermarkOption| {
        let made = rendered_in(&studio, option, vec![rung(640, 360)]).await.unwrap();
        decoded(&studio, &made).remove(0)
    };
    let wide = draw(&text(&"wide ".repeat(40))).await.width;
    assert!((590..=618).contains(&wide), "{wide}");
    let high = WatermarkOption { size: Some(1.0), ..text("I\nI\nI") };
    let high = draw(&high).await.height();
    assert!((320..=338).contains(&high), "{high}");
    let error = rendered(&studio, &text("\u{200b}")).await.unwrap_err();
    assert_eq!(code(&error), Some(ErrorCode::OptionNotMet), "{error}");
}

#[tokio::test]
async fn an_image_keeps_its_shape_and_its_transparency() {
    let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
    let studio = Studio::open().await;
    // Left half solid red, right half invisible green.
    let graph = "color=red:s=100x50,format=rgba,geq=r='255*lt(X,50)':g='255*gte(X,50)':b=0:a='255*lt(X,50)'";
    store(&studio, "half%02d.png", &[graph, "-frames:v", "1", "-f", "image2pipe"]).await;
    let option = stored_image(&studio, "half%02d.png");
    let marks = drawn(&studio, &WatermarkOption { opacity: 0.5, ..option }).await;
    assert_eq!((marks[0].width, marks[0].height()), (192, 96));
    assert_eq!((marks[1].width, marks[1].height()), (96, 48));
    for mark in &marks {
        let row = &mark.rows[mark.height() / 2];
        let [left, right] = [row[mark.width / 4], row[mark.width * 3 / 4]];
        assert!(left[0] > 250 && left[1] < 5 && (126..=129).contains(&left[3]), "{left:?}");
        assert_eq!(right[3], 0);
        let green = row.iter().filter(|pixel| pixel[3] > 8).map(|pixel| pixel[1]).max();
        assert!(green < Some(40), "what is invisible bleeds into the edge: {green:?}");
    }
    for (name, codec) in [("wide.jpg", "mjpeg"), ("wide.webp", "libwebp")] {
        store(&studio, name, &["color=blue:s=3000x100", "-frames:v", "1", "-c:v", codec]).await;
        let full = WatermarkOption { size: Some(1.0), ..stored_image(&studio, name) };
        let mark = &drawn(&studio, &full).await[0];
        assert_eq!((mark.width, mark.height()), (1236, 41), "{name}");
        let middle = mark.rows[20][600];
        assert!(middle[2] > 240 && middle[0] < 15 && middle[3] == 255, "{name}: {middle:?}");
    }
}

#[tokio::test]
async fn what_is_no_picture_is_refused() {
    let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
    let studio = Studio::open().await;
    store(&studio, "a.mp4", &["testsrc2=s=64x64:d=1"]).await;
    store(&studio, "whole.png", &["testsrc2=s=64x64", "-frames:v", "1"]).await;
    let whole = studio.read(&format!("thumbnails/{}/whole.png", studio.video)).await;
    store_bytes(&studio, "cut.png", &whole[..60]).await;
    store_bytes(&studio, "text.png", b"no picture at all").await;
    let svg = br#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>"#;
    store_bytes(&studio, "a.svg", svg).await;
    let list =
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n";
    store_bytes(&studio, "list.png", list).await;
    for name in ["a.mp4", "cut.png", "text.png", "a.svg", "list.png"] {
        let error = rendered(&studio, &stored_image(&studio, name)).await.unwrap_err();
        assert_eq!(code(&error), Some(ErrorCode::UnsupportedMedia), "{name}: {error}");
    }
    let error = rendered(&studio, &stored_image(&studio, "none.png")).await.unwrap_err();
    assert_eq!(code(&error), Some(ErrorCode::SourceNotFound), "{error}");
    let root = studio.deps.store.folder_root().unwrap();
    assert!(!root.join(format!("videos/{}", studio.video)).exists(), "nothing is left behind");
}

/// Answers every request with these bytes; returns the address.
async fn server(answer: Vec<u8>) -> WatermarkOption {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Some(format!("http://{}/logo.png", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(&answer).await;
        }
    });
    image(WatermarkImage { url, bucket: None, key: None })
}

#[tokio::test]
async fn an_image_is_fetched_through_the_filter_and_within_limits() {
    let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
    let mut studio = Studio::open().await;
    store(&studio, "a.png", &["color=red:s=40x20", "-frames:v", "1"]).await;
    let body = studio.read(&format!("thumbnails/{}/a.png", studio.video)).await;
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let good = server([head.into_bytes(), body].concat()).await;
    let error = rendered(&studio, &good).await.unwrap_err();
    assert!(matches!(error, Error::Fetch(fetch::Error::Forbidden { .. })), "{error}");
    let allow = vec!["127.0.0.0/8".parse().unwrap()];
    studio.deps.fetch = fetch::Client::new(fetch::Config { allow, ..Default::default() }).unwrap();
    assert_eq!(drawn(&studio, &good).await[0].width, 192);
    let missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let error = rendered(&studio, &server(missing.to_vec()).await).await.unwrap_err();
    assert!(matches!(error, Error::Fetch(fetch::Error::NotFound { .. })), "{error}");
    let large = b"HTTP/1.1 200 OK\r\nContent-Length: 20971521\r\nConnection: close\r\n\r\n";
    let error = rendered(&studio, &server(large.to_vec()).await).await.unwrap_err();
    assert!(matches!(error, Error::Fetch(fetch::Error::TooLarge { limit: 20_971_520 })), "{error}");
}

#[tokio::test]
async fn a_second_run_finds_the_first() {
    let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
    let mut studio = Studio::open().await;
    let option = text("twice");
    let made = rendered(&studio, &option).await.unwrap();
    let keys = made.marks.iter().map(|mark| format!("{}/{}", mark.bucket, mark.key));
    let keys: Vec<String> = keys.collect();
    assert!(keys[0].contains("/work/watermark-") && keys[1].ends_with("-1.png"), "{keys:?}");
    let before = studio.read(&keys[0]).await;
    studio.deps.tools.ffmpeg = "no-such-program".into();
    assert_eq!(rendered(&studio, &option).await.unwrap(), made);
    studio.deps.tools = ffmpeg::Tools::default();
    let rungs = vec![rung(1280, 720), rung(640, 360)];
    let input = Input { video: studio.video, option: option.clone(), rungs };
    let record = Layout::new(studio.video).record(NAME, &fingerprint::input(NAME, &input));
    studio.deps.store.delete(&record.unwrap()).await.unwrap();
    assert_eq!(rendered(&studio, &option).await.unwrap(), made);
    assert_eq!(studio.read(&keys[0]).await, before);
    assert_eq!(fs_err::read_dir(studio.deps.scratch.path().unwrap()).unwrap().count(), 1);
}
