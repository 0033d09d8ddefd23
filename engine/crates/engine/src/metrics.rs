//! The media process's metrics as Prometheus text.

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use vms_recording::{Recording, VolumeReport};
use vms_sinks::hls::HlsMetrics;
use vms_sinks::rtsp::RtspMetrics;
use vms_sinks::socket::SocketMetrics;
use vms_sinks::srt::SrtMetrics;
use vms_sinks::transcode::{Kind, Report};
use vms_sinks::webrtc::WebRtcMetrics;
use vms_sources::{RtmpMetrics, State};

use crate::process::ProcessUsage;
use crate::report::StreamReport;

pub struct Figures<'a> {
    pub streams: &'a [StreamReport],
    pub rtsp: &'a RtspMetrics,
    /// Absent where nobody may call.
    pub rtmp: Option<&'a RtmpMetrics>,
    /// Absent where nobody may call.
    pub srt: Option<&'a SrtMetrics>,
    pub webrtc: &'a WebRtcMetrics,
    pub hls: HlsMetrics,
    pub sockets: &'a SocketMetrics,
    pub transcodes: &'a [Report],
    pub hub_bytes: usize,
    pub process: Option<ProcessUsage>,
    /// Absent where nothing is recorded.
    pub recording: Option<&'a Recording>,
    pub plays: usize,
    /// Strangers that found no place, by port.
    pub turned_away: &'a [(&'static str, u64)],
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        let _ = writeln!(self.text, "{name} {value}");
    }

    /// One line a stream. Ids hold no character that needs escaping.
    fn streams(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        streams: &[StreamReport],
        value: impl Fn(&StreamReport) -> f64,
    ) {
        self.family(name, kind, help);
        for report in streams {
            let (camera, stream) = (&report.camera, report.stream);
            let _ = writeln!(self.text, "{name}{{camera=\"{camera}\",stream=\"{stream}\"}} {}", value(report));
        }
    }
}

pub fn text(figures: &Figures<'_>) -> String {
    let mut page = Page::default();
    cameras(&mut page, figures.streams);
    rtsp(&mut page, figures.rtsp);
    if let Some(rtmp) = figures.rtmp {
        publishers(&mut page, rtmp);
    }
    if let Some(figures) = figures.srt {
        srt(&mut page, figures);
    }
    webrtc(&mut page, figures.webrtc);
    hls(&mut page, figures.hls);
    sockets(&mut page, figures.sockets);
    transcodes(&mut page, figures.transcodes);
    if let Some(recording) = figures.recording {
        recordings(&mut page, recording);
        page.one("vms_plays", "gauge", "Recordings that are being played by WebRTC.", figures.plays);
    }
    turned_away(&mut page, figures.turned_away);
    page.one("vms_hub_bytes", "gauge", "Bytes of video held for joining viewers.", figures.hub_bytes);
    if let Some(usage) = figures.process {
        let help = "CPU of this process since the last scrape, percent of one core.";
        page.one("vms_cpu_usage", "gauge", help, format_args!("{:.1}", usage.cpu_percent));
        page.one("vms_memory_usage", "gauge", "Resident memory of this process, bytes.", usage.resident_bytes);
    }
    page.text
}

fn turned_away(page: &mut Page, ports: &[(&'static str, u64)]) {
    let name = "vms_turned_away_total";
    page.family(name, "counter", "Callers nobody knew that were one of too many, by port.");
    for (port, count) in ports {
        let _ = writeln!(page.text, "{name}{{port=\"{port}\"}} {count}");
    }
}

fn cameras(page: &mut Page, streams: &[StreamReport]) {
    page.streams("vms_camera_status", "gauge", "1 while a stream is live.", streams, |s| {
        f64::from(s.state == State::Live)
    });
    page.streams("vms_camera_fps", "gauge", "Frames a second.", streams, |s| f64::from(s.fps));
    page.streams("vms_camera_bitrate", "gauge", "Bits a second.", streams, |s| s.bitrate as f64);
    page.streams("vms_stream_readers", "gauge", "Readers of a stream.", streams, |s| s.readers as f64);
    page.streams(
        "vms_stream_dropped_frames_total",
        "counter",
        "Frames lost on the way in or by slow readers.",
        streams,
        |s| s.drops as f64,
    );
    page.streams("vms_stream_reconnects_total", "counter", "Sessions begun after the first.", streams, |s| {
        s.reconnects as f64
    });
    let known: Vec<_> = streams.iter().filter(|s| s.clock_offset_ms.is_some()).cloned().collect();
    page.streams("vms_camera_clock_offset_ms", "gauge", "By how much the camera's clock is ahead.", &known, |s| {
        s.clock_offset_ms.unwrap_or(0) as f64
    });
}

fn rtsp(page: &mut Page, rtsp: &RtspMetrics) {
    page.one("vms_rtsp_connections", "gauge", "Open RTSP connections.", rtsp.connections.load(Ordering::Relaxed));
    page.one("vms_rtsp_readers", "gauge", "RTSP readers that play.", rtsp.readers.load(Ordering::Relaxed));
    page.one(
        "vms_rtsp_sent_bytes_total",
        "counter",
        "Bytes sent to RTSP readers.",
        rtsp.bytes_sent.load(Ordering::Relaxed),
    );
}

fn publishers(page: &mut Page, rtmp: &RtmpMetrics) {
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    page.one("vms_rtmp_connections_total", "counter", "RTMP connections that came.", count(&rtmp.connections));
    page.one("vms_rtmp_refused_total", "counter", "RTMP connections that were not taken.", count(&rtmp.refused));
}

fn srt(page: &mut Page, srt: &SrtMetrics) {
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    page.one("vms_srt_readers", "gauge", "Players by SRT.", srt.readers.load(Ordering::Relaxed));
    page.one("vms_srt_publishers", "gauge", "Publishers by SRT.", srt.publishers.load(Ordering::Relaxed));
    page.one("vms_srt_refused_total", "counter", "Callers of SRT that were refused.", count(&srt.refused));
    page.one(
        "vms_srt_too_slow_total",
        "counter",
        "Players by SRT let go, for they took too little.",
        count(&srt.too_slow),
    );
    page.one("vms_srt_sent_bytes_total", "counter", "Bytes sent to players by SRT.", count(&srt.sent_bytes));
    page.one("vms_srt_received_bytes_total", "counter", "Bytes of publishers by SRT.", count(&srt.received_bytes));
    page.one("vms_srt_resent_packets_total", "counter", "Packets sent again.", count(&srt.resent_packets));
    page.one("vms_srt_dropped_packets_total", "counter", "Packets that were too late.", count(&srt.dropped_packets));
}

fn webrtc(page: &mut Page, figures: &WebRtcMetrics) {
    page.one("vms_webrtc_viewers", "gauge", "WebRTC viewers.", figures.viewers);
    page.one("vms_webrtc_talkers", "gauge", "Who talks to a camera.", figures.talkers);
    page.one("vms_webrtc_publishers", "gauge", "WebRTC publishers.", figures.publishers);
    page.one("vms_webrtc_half_open", "gauge", "Sessions answered and not yet connected.", figures.half_open);
    page.one("vms_webrtc_sessions_total", "counter", "Sessions ever answered.", figures.sessions_total);
    page.one("vms_webrtc_refused_total", "counter", "Offers refused.", figures.refused_total);
    page.one("vms_webrtc_vanished_total", "counter", "Viewers that left without a word.", figures.vanished_total);
    page.one("vms_webrtc_joins_burst_total", "counter", "Joins from the cached group.", figures.joins_burst);
    page.one("vms_webrtc_joins_waited_total", "counter", "Joins that waited for a key frame.", figures.joins_waited);
    page.one("vms_webrtc_nacks_total", "counter", "Resend requests.", figures.nacks);
    page.one("vms_webrtc_plis_total", "counter", "Picture losses told by viewers.", figures.plis);
    page.one("vms_webrtc_lost_packets_total", "counter", "Packets that viewers reported lost.", figures.packets_lost);
    let name = "vms_webrtc_switches_total";
    page.family(name, "counter", "Viewers that were sent the camera's other stream, as their path bears it.");
    for (to, reason, count) in &figures.switches {
        let _ = writeln!(page.text, "{name}{{to=\"{to}\",reason=\"{reason}\"}} {count}");
    }
    let name = "vms_webrtc_switches_missed_total";
    page.family(name, "counter", "Viewers whose path asked for the other stream, and who kept theirs.");
    for (reason, count) in &figures.stays {
        let _ = writeln!(page.text, "{name}{{reason=\"{reason}\"}} {count}");
    }
    page.one("vms_webrtc_sent_packets_total", "counter", "Packets sent.", figures.packets_sent);
    page.one("vms_webrtc_sent_bytes_total", "counter", "Bytes sent.", figures.bytes_sent);
    page.one("vms_webrtc_unsent_packets_total", "counter", "Packets the system refused.", figures.packets_unsent);
    histogram(page, "vms_webrtc_rtt_ms", "Round trip to viewers in milliseconds.", &figures.rtt_ms);
}

fn hls(page: &mut Page, figures: HlsMetrics) {
    page.one("vms_hls_streams", "gauge", "Streams that are packaged for HLS.", figures.streams);
    page.one("vms_hls_bytes", "gauge", "Bytes of parts held for players of HLS.", figures.held_bytes);
    page.one("vms_hls_requests_total", "counter", "Requests for playlists and media.", figures.requests);
    page.one("vms_hls_sent_bytes_total", "counter", "Bytes of the answers to them.", figures.sent_bytes);
}

fn sockets(page: &mut Page, figures: &SocketMetrics) {
    let [sockets, tiles] = [&figures.sockets, &figures.tiles].map(|figure| figure.load(Ordering::Relaxed));
    page.one("vms_media_sockets", "gauge", "Open media sockets.", sockets);
    page.one("vms_media_socket_tiles", "gauge", "Streams that are open on them.", tiles);
    let [frames, bytes] = [&figures.frames, &figures.sent_bytes].map(|figure| figure.load(Ordering::Relaxed));
    page.one("vms_media_socket_frames_total", "counter", "Frames sent on them.", frames);
    page.one("vms_media_socket_sent_bytes_total", "counter", "Bytes sent on them.", bytes);
}

/// Sound that workers make into Opus, and pictures that they make into H.264.
fn transcodes(page: &mut Page, reports: &[Report]) {
    let of = |kind| reports.iter().filter(|report| report.kind == kind).cloned().collect::<Vec<_>>();
    made(page, "vms_sound", "sound", &of(Kind::Sound));
    made(page, "vms_transcode", "pictures", &of(Kind::Picture));
}

fn made(page: &mut Page, family: &str, what: &str, reports: &[Report]) {
    let mut each = |name: &str, kind: &str, help: String, value: &dyn Fn(&Report) -> Option<f64>| {
        let name = format!("{family}_{name}");
        page.family(&name, kind, &help);
        for report in reports {
            if let Some(value) = value(report) {
                let (camera, stream) = (&report.key.camera, report.key.stream.as_str());
                let _ = writeln!(page.text, "{name}{{camera=\"{camera}\",stream=\"{stream}\"}} {value}");
            }
        }
    };
    let figure = |count: usize| Some(count as f64);
    each("listeners", "gauge", format!("Viewers of transcoded {what}."), &|r| figure(r.listeners));
    each("works", "gauge", "1 while a worker transcodes.".to_owned(), &|r| figure(usize::from(r.works)));
    let help = format!("From a camera's {what} to what is made of it, milliseconds.");
    each("delay_ms", "gauge", help, &|r| r.delay_ms.map(|ms| ms as f64));
    each("failures_total", "counter", "Workers that failed.".to_owned(), &|r| Some(r.failures as f64));
    let help = "CPU of the worker, percent of one core.".to_owned();
    each("cpu_usage", "gauge", help, &|r| r.cost.map(|cost| f64::from(cost.cpu_permille) / 10.0));
    let help = "Resident memory of the worker, bytes.".to_owned();
    each("memory_usage", "gauge", help, &|r| r.cost.map(|cost| cost.memory_bytes as f64));
    let name = format!("{family}_failing");
    page.family(&name, "gauge", &format!("1 while a stream's {what} cannot be transcoded, with the reason."));
    for (report, reason) in reports.iter().filter_map(|report| Some((report, report.reason?))) {
        let (camera, stream) = (&report.key.camera, report.key.stream.as_str());
        let _ = writeln!(page.text, "{name}{{camera=\"{camera}\",stream=\"{stream}\",reason=\"{reason}\"}} 1");
    }
}

fn recordings(page: &mut Page, recording: &Recording) {
    let volumes = recording.reports();
    let mut each = |name: &str, kind: &str, help: &str, value: &dyn Fn(&VolumeReport) -> f64| {
        page.family(name, kind, help);
        for volume in &volumes {
            // Names of volumes are checked: none holds a quote.
            let _ = writeln!(page.text, "{name}{{volume=\"{}\"}} {}", volume.name, value(volume));
        }
    };
    each("vms_volume_ok", "gauge", "1 while a volume takes recordings.", &|v| f64::from(v.state == "ok"));
    each("vms_volume_free_bytes", "gauge", "Free bytes of a volume's disk; inf in S3 without a limit.", &|v| {
        v.free.map_or(f64::INFINITY, |free| free as f64)
    });
    each("vms_volume_written_bytes_total", "counter", "Bytes of recordings written.", &|v| v.bytes_written as f64);
    each("vms_volume_commit_ms", "gauge", "Time of the last group commit, milliseconds.", &|v| v.commit_ms);
    each("vms_volume_commits_total", "counter", "Group commits.", &|v| v.commits as f64);
    each("vms_volume_queue_bytes", "gauge", "Bytes that wait for a volume's writer.", &|v| v.queue_bytes as f64);
    each("vms_volume_dropped_groups_total", "counter", "Groups that no writer took.", &|v| v.dropped_groups as f64);
    let name = "vms_recording_gaps_total";
    page.family(name, "counter", "Gaps written to ledgers.");
    for (key, gaps) in recording.gaps() {
        let _ = writeln!(page.text, "{name}{{camera=\"{}\",stream=\"{}\"}} {gaps}", key.camera, key.stream.as_str());
    }
}

fn histogram(page: &mut Page, name: &str, help: &str, values: &vms_sinks::webrtc::HistogramValues) {
    page.family(name, "histogram", help);
    for (bound, count) in &values.buckets {
        let _ = writeln!(page.text, "{name}_bucket{{le=\"{bound}\"}} {count}");
    }
    let _ = writeln!(
        page.text,
        "{name}_bucket{{le=\"+Inf\"}} {}\n{name}_sum {}\n{name}_count {}",
        values.count, values.sum, values.count
    );
}
