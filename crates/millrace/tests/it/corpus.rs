//! Every standard file of the corpus beside the checkout, checked by an independent ladder checker.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::{
    product::{Flags, Product, data, outputs},
    sources::serve,
};

/// Standard sources: usual codecs in usual containers, each with what makes it worth a run.
const STANDARD: &[&str] = &[
    "bbb_720p25_51_5s.mp4",
    "-i leading_dash.mp4",
    "anamorphic_240x128_30s.mp4",
    "av1_360p_5s.mkv",
    "av_audio_late_750ms.mp4",
    "bbb_1080p_rot90_51_2s.mp4",
    "bbb_480p30_6s_noaudio.mp4",
    "bbb_b_pyramid_sar64_45.mp4",
    "bbb_first_pts_10s_sar.mp4",
    "bikes_272p_10s_noaudio.mp4",
    "bottle_360p29.83_40s_noaudio.mp4",
    "bt601_640x428.mov",
    "chrome_270p_30s.mp4",
    "flower_540p_5s.mp4",
    "friday_vga_6s.mp4",
    "hevc_1080p24_51.ts",
    "hevc_1080p30_10s_fullrange.mp4",
    "motorway_one_keyframe_29s.mp4",
    "motorway_vfr_10to60fps_16s.mp4",
    "mp4_audio_shorter.mp4",
    "one_frame.mp4",
    "people_720p_rot270_5s.mp4",
    "phone_vfr_rot180_2s.mp4",
    "sar_2x1.mp4",
    "sintel_641x361_444_5s.mp4",
    "sintel_853x479_vp9_5s.webm",
    "tiny_36x64_3s.mp4",
    "train_360p30_10s.mp4",
    "vfr_518x488_fullrange.mp4",
    "webm_8x8_one_frame.webm",
    "vp9_odd_dimensions.webm",
];

#[tokio::test]
async fn every_standard_file_passes_the_independent_checker() {
    // scripts/test.sh says at its end that there is none.
    let Some(corpus) = fixtures::corpus() else { return };
    let checker = checker(&corpus);
    let python = fixtures::repo_root().join(".tools/venv/bin/python");
    if fixtures::require_or_skip(&python.to_string_lossy()).is_none() {
        return;
    }
    let data = data();
    let Some(product) = Product::start(data.path(), &Flags::short_chunks()) else { return };
    let base = serve(corpus.clone()).await;
    let mut ids = Vec::new();
    for name in STANDARD {
        let url = format!("{base}/{}", name.replace(' ', "%20"));
        ids.push((name, product.submit(&url, json!({"preset": "ultrafast"})).await));
    }
    let mut wrong = Vec::new();
    for (name, id) in ids {
        let video = product.ended(&id).await;
        if video["status"] != "ready" {
            wrong.push(format!("{name}: {}", video["error"]));
            continue;
        }
        let master = outputs(data.path(), &id).join("master.m3u8");
        let result = fixtures::tools::command(&python).arg(&checker).arg(&master).output().unwrap();
        if !result.status.success() {
            let said = String::from_utf8_lossy(&result.stdout);
            let failed: Vec<_> = said.lines().filter(|line| line.starts_with("FAIL")).collect();
            wrong.push(format!("{name}: {failed:?} {}", String::from_utf8_lossy(&result.stderr)));
        }
    }
    assert!(wrong.is_empty(), "{} of {} files:\n{}", wrong.len(), STANDARD.len(), wrong.join("\n"));
}

/// The checker, which comes with the corpus.
fn checker(corpus: &Path) -> PathBuf {
    let path = corpus.parent().unwrap().join("tools/check_hls.py");
    assert!(path.is_file(), "{} is missing", path.display());
    path
}
