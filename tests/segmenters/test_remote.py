"""The remote segmenter against its own server, and against servers that are down, slow or lying."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import requests
from PIL import Image

from nest_builder.segmenters import wire
from nest_builder.segmenters.base import Segmentation
from nest_builder.segmenters.remote import RemoteError, RemoteSegmenter, SegmenterServer
from nest_builder.segmenters.wire import pack_mask, unpack_mask


class Bright:
    """Segments what is brighter than the number in its text."""

    def identity(self):
        return "bright-1"

    def segment(self, images, texts):
        if "fail" in texts:
            raise RuntimeError("no memory left")
        return [
            Segmentation(np.asarray(image)[..., 0] > int(text), f"over {text}", 0.25)
            for image, text in zip(images, texts, strict=True)
        ]


@contextmanager
def running(server):
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def server():
    with running(SegmenterServer(Bright())) as one:
        yield one


def noise(seed, width, height):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_says_what_the_segmenter_says(server):
    images = [noise(seed, 30 + seed, 20) for seed in range(wire.MAX_PICTURES + 3)]  # two requests
    texts = [str(40 * (seed % 6)) for seed in range(len(images))]
    remote, local = RemoteSegmenter(server.url).segment(images, texts), Bright().segment(images, texts)
    assert [(one.text, one.score) for one in remote] == [(one.text, one.score) for one in local]
    assert all((one.mask == other.mask).all() for one, other in zip(remote, local, strict=True))


@pytest.mark.parametrize(
    ("sizes", "requests"),
    [([], []), ([1] * 20, [16, 4]), ([40, 40], [1, 1]), ([20, 20, 1, 30, 30], [2, 2, 1]), ([12] * 7, [3, 3, 1])],
)
def test_large_pictures_are_sent_a_few_at_a_time(sizes, requests):
    images = [Image.new("1", (1000, 1000 * size)) for size in sizes]
    parts = list(wire.in_requests(images, ["x"] * len(images)))
    assert [len(images[part]) for part in parts] == requests
    assert [image for part in parts for image in images[part]] == images


def test_what_no_request_can_hold_is_the_picture_s_fault_and_not_the_server_s(server, monkeypatch):
    remote, small = RemoteSegmenter(server.url), noise(0, 8, 8)
    for image, text in ((Image.new("1", (1001, 40_000)), "1"), (small, "1" * 9000)):
        with pytest.raises(ValueError, match="can be sent"):
            remote.segment([small, image], ["1", text])
    body = wire.pack_request([small] * 3, ["1"] * 3)
    monkeypatch.setattr(wire, "MAX_PIXELS", 3 * 64 - 1)
    answer = requests.post(server.url + "/segment", data=body, timeout=10)
    assert (answer.status_code, "at most 63 are decoded" in answer.json()["error"]) == (400, True)


def test_identity_is_the_server_s(server):
    assert RemoteSegmenter(server.url + "/").identity() == "remote(bright-1)"


def test_a_model_that_fails_is_told_from_a_server_that_is_down(server):
    with pytest.raises(RuntimeError, match="no memory left") as caught:
        RemoteSegmenter(server.url).segment([noise(0, 8, 8)], ["fail"])
    assert not isinstance(caught.value, RemoteError)
    with pytest.raises(RemoteError, match="no answer from"):
        RemoteSegmenter("http://127.0.0.1:9", timeout_seconds=2).segment([noise(0, 8, 8)], ["1"])
    with pytest.raises(ValueError, match="1 pictures with 0 texts"):
        RemoteSegmenter(server.url).segment([noise(0, 8, 8)], [])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "a JSON object"),
        (b"{}", "lists of 1 to 16"),
        (json.dumps({"images": [], "texts": []}).encode(), "lists of 1 to 16"),
        (json.dumps({"images": ["x"] * 17, "texts": ["x"] * 17}).encode(), "lists of 1 to 16"),
        (json.dumps({"images": ["aGFsbG8="], "texts": []}).encode(), "1 images with 0 texts"),
        (json.dumps({"images": ["aGFsbG8="], "texts": [3]}).encode(), "a text is a string"),
        (json.dumps({"images": ["aGFsbG8="], "texts": ["x" * 9000]}).encode(), "a text is a string"),
        (json.dumps({"images": ["!"], "texts": ["x"]}).encode(), "no base64"),
        (json.dumps({"images": [3], "texts": ["x"]}).encode(), "no base64"),
        (json.dumps({"images": ["aGFsbG8="], "texts": ["x"]}).encode(), "no picture"),
    ],
)  # fmt: skip
def test_the_server_refuses_what_is_no_request(server, body, message):
    answer = requests.post(server.url + "/segment", data=body, timeout=10)
    assert answer.status_code == 400
    assert message in answer.json()["error"]


def test_the_server_refuses_other_paths_and_lengths(server):
    assert requests.get(server.url + "/", timeout=10).status_code == 404
    assert requests.post(server.url + "/", data=b"{}", timeout=10).status_code == 404
    assert requests.post(server.url + "/segment", data=iter([b"{}"]), timeout=10).status_code == 413  # chunked


def answering(status, body, pieces=1, pause=0.0):
    """Return a server that says the same to everybody."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            try:
                for _ in range(pieces):
                    self.wfile.write(body)
                    self.wfile.flush()
                    time.sleep(pause)
            except OSError:
                pass  # the client has had enough

        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def said(mask, text="", score=0.5):
    return json.dumps({"segmentations": [{"mask": mask, "text": text, "score": score}]}).encode()


GOOD = {"size": [2, 3], "counts": [6]}


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, b"<html>", "nonsense: no JSON"),
        (200, b"[]", "nonsense: expected a JSON object"),
        (200, b'{"segmentations": []}', "a list of 1"),
        (200, b'{"segmentations": [7]}', "a segmentation is an object"),
        (200, said(None), "a mask of size"),
        (200, said({"size": [3, 2], "counts": [6]}), "a mask of size"),
        (200, said({"size": [2, 3], "counts": "abc"}), "run lengths"),
        (200, said({"size": [2, 3], "counts": [1, -1, 6]}), "run lengths"),
        (200, said({"size": [2, 3], "counts": [1.5, 4.5]}), "run lengths"),
        (200, said({"size": [2, 3], "counts": [10**12]}), "1000000000000 pixels for a picture of 6"),
        (200, said(GOOD, text=5), '"text" is a string'),
        (200, said(GOOD, score=2), '"score" is a number'),
        (200, said(GOOD, score="1"), '"score" is a number'),
        (200, said(GOOD, score=float("nan")), '"score" is a number'),
        (500, b"oops", "status 500: oops"),
        (302, b"elsewhere", "status 302"),
        (200, b"x" * 2_000_000, "more than 1000000 bytes"),
    ],
)
def test_nonsense_is_no_answer(status, body, message):
    with running(answering(status, body)) as server:
        remote = RemoteSegmenter(f"http://127.0.0.1:{server.server_address[1]}", max_bytes=1_000_000)
        with pytest.raises(RemoteError, match=message):
            remote.segment([Image.new("RGB", (3, 2))], ["x"])


def test_slow_servers_are_left():
    with running(answering(200, b" " * 70_000, pieces=30, pause=0.1)) as server:
        remote = RemoteSegmenter(f"http://127.0.0.1:{server.server_address[1]}", timeout_seconds=0.4)
        started = time.monotonic()
        with pytest.raises(RemoteError, match=r"longer than 0\.4 s"):
            remote.segment([Image.new("RGB", (3, 2))], ["x"])
        assert time.monotonic() - started < 3


class Weightless(Bright):
    def identity(self):
        raise FileNotFoundError("no model in models/lisa")

    def segment(self, images, texts):
        return self.identity()


def test_a_server_without_weights_says_so():
    with running(SegmenterServer(Weightless())) as server:
        remote = RemoteSegmenter(server.url)
        with pytest.raises(RemoteError, match=r"status 500: .*no model in models/lisa"):
            remote.identity()
        with pytest.raises(RemoteError, match=r"status 500: .*no model in models/lisa"):
            remote.segment([noise(0, 8, 8)], ["1"])


@pytest.mark.parametrize("body", [b"[]", b"{}", b"<html>", b"null"])
def test_a_server_without_a_name(body):
    with (
        running(answering(200, body)) as server,
        pytest.raises(RemoteError, match="does not say who it is"),
    ):
        RemoteSegmenter(f"http://127.0.0.1:{server.server_address[1]}").identity()


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((3, 4), bool),
        np.ones((3, 4), bool),
        np.eye(5, dtype=bool),
        np.random.default_rng(1).random((17, 9)) < 0.5,
    ],
)
def test_masks_survive_the_wire(mask):
    height, width = mask.shape
    assert (unpack_mask(json.loads(json.dumps(pack_mask(mask))), width, height) == mask).all()
