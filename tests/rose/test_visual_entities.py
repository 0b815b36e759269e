import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from PIL import Image

from nest_builder.rose.embed import CachedImages
from nest_builder.rose.visual_entities import CloudError, CloudVision, ReferenceMatch, ReferenceMatchSettings
from nest_builder.rose.visual_prompt import Answer, VisualPrompt
from tests.rose.visuals import BoxMasks, ColourEmbedder, PlateDetector, picture, plate_mask, references

RED, GREEN = (("red",), ("", "red")), (("green",), ("blue", "green"), ("green",))


def test_the_picture_shows_the_candidate_whose_references_fit():
    visual = VisualPrompt(PlateDetector(), BoxMasks(), CachedImages(ColourEmbedder()))
    match = ReferenceMatch.beside(visual)
    names, pictures = ["Zephyr", "Verdant", "Nameless"], [references(*RED), references(*GREEN), []]
    red, green, none = match.match(picture("blue", "red"), names, pictures)
    assert red > 0.9
    assert green < 0.1
    assert none == 0
    assert match.match(picture("blue", "red"), [], []) == []
    assert match.match(picture("blue", "red"), ["Nameless"], [[]]) == [0.0]


def test_a_picture_without_boxes_is_compared_as_a_whole():
    match = ReferenceMatch.beside(VisualPrompt(PlateDetector(), BoxMasks(), CachedImages(ColourEmbedder())))
    whole = Image.new("RGB", (90, 40), (9, 0, 0))  # no plate, but reddish all over
    whole.paste((0, 0, 0), (0, 10, 90, 30))
    assert match.match(whole, ["Zephyr"], [references(*RED)])[0] > 0.9


def test_nothing_is_computed_twice_with_vpe():
    detector, embedder = PlateDetector(), ColourEmbedder()
    visual = VisualPrompt(detector, BoxMasks(), CachedImages(embedder))
    ReferenceMatch.beside(visual).match(picture("blue", "red"), ["Zephyr"], [references(*RED)])
    seen = embedder.seen
    fixed = visual.verify([picture("blue", "red")], [plate_mask(0)], [Answer("Zephyr")], [references(*RED)])
    assert fixed[0].step.decision == "corrected"
    assert detector.calls == [3]
    assert embedder.seen == seen


@pytest.mark.parametrize(("likeness", "expected"), [(0.5, 0.5), (0.6, 0.731), (0.4, 0.269), (-1, 0.0), (1, 0.993)])
def test_probability(likeness, expected):
    visual = VisualPrompt(PlateDetector(), BoxMasks(), ColourEmbedder())
    match = ReferenceMatch.beside(visual, ReferenceMatchSettings(middle=0.5, width=0.1))
    assert match.probability(likeness) == pytest.approx(expected, abs=1e-3)


class Service(HTTPServer):
    """Answers every request with what a test says, and remembers the last one."""

    status, body, key, asked = 200, b"", "", b""


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        self.server.asked = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.key = self.headers.get("X-Goog-Api-Key", "")
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "http://127.0.0.1:9/")
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def service() -> Iterator[Service]:
    server = Service(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def cloud(service: Service, **more) -> CloudVision:
    return CloudVision(f"http://127.0.0.1:{service.server_port}/v1/images:annotate", **more)


def web(*entities: tuple[str, float], guess: str = "") -> bytes:
    found = {
        "webEntities": [{"entityId": "/m/1", "description": text, "score": score} for text, score in entities],
        "bestGuessLabels": [{"label": guess, "languageCode": "en"}] if guess else [],
        "pagesWithMatchingImages": [{"url": "http://a.test"}],
    }
    return json.dumps({"responses": [{"webDetection": found}]}).encode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (web(("Ada Okoro", 0.8), ("Harwick", 0.4)), [0.8, 0.0]),
        (web(("Ada Okoro (politician)", 1.7), ("Ben Adler", -3)), [1.0, 0.0]),
        (web(("Okoro", 0.9)), [0.0, 0.0]),
        (web(("Person", 0.9), guess="ben adler"), [0.0, 1.0]),
        (b'{"responses": [{}]}', [0.0, 0.0]),
    ],
)
def test_cloud_entities_are_matched_by_name(service, body, expected):
    service.body = body
    assert cloud(service).match(picture("red"), ["Ada Okoro", "Ben Adler"], [[], []]) == expected


def test_the_request_is_what_the_service_documents(service, monkeypatch):
    monkeypatch.setenv("GOOGLE_VISION_KEY", "secret")
    service.body = web()
    cloud(service).match(Image.new("RGB", (3000, 1500), "red"), ["Ada Okoro"], [[]])
    (request,) = json.loads(service.asked)["requests"]
    assert request["features"] == [{"type": "WEB_DETECTION", "maxResults": 30}]
    sent = Image.open(io.BytesIO(base64.b64decode(request["image"]["content"])))
    assert (sent.format, sent.size) == ("JPEG", (1024, 512))
    assert service.key == "secret"


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (403, b"{}", "status 403"),
        (302, b"", "status 302"),
        (200, b"<html>", "no web detection"),
        (200, b'{"responses": []}', "no web detection"),
        (200, b'{"responses": [{"webDetection": {"webEntities": "many"}}]}', "no web detection"),
        (200, b'{"responses": [{"error": {"code": 7, "message": "no billing"}}]}', "refuses: no billing"),
        (200, b" " * 2_100_000, "more than 2000000 bytes"),
    ],
)
def test_a_lying_service_is_an_error_with_its_reason(service, status, body, message):
    service.status, service.body = status, body
    with pytest.raises(CloudError, match=message):
        cloud(service).match(picture("red"), ["Ada Okoro"], [[]])


def test_a_slow_or_absent_service_is_an_error(service):
    service.body = web()
    clock = iter((0.0, 100.0, 200.0))
    with pytest.raises(CloudError, match="longer than 20 s"):
        cloud(service, monotonic=lambda: next(clock)).match(picture("red"), ["Ada Okoro"], [[]])
    with pytest.raises(CloudError, match="no answer"):
        CloudVision("http://127.0.0.1:9/", timeout_s=1).match(picture("red"), ["Ada Okoro"], [[]])
