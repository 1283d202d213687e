"""Who may ask, and for what; names made harmless."""

import unicodedata

import pytest

from dsol.serve.uploads import plain_name
from tests.serve.visiting import Visitor

OURS = "http://127.0.0.1:8000"


def test_nothing_else_is_served(done):
    visitor, id = done
    video = f"/api/videos/{id}"
    for path in (
        *(
            f"{video}/video",
            f"{video}/found/result.json",
            f"{video}/..%2f..%2fetc%2fpasswd",
            f"/api/videos/..%2f{id}/x",
        ),
        *("/api/videos/%00/result.json", "/api/videos", "/nothing", "/..%2fapp.py", "/%2e%2e/app.py", "/docs"),
    ):
        answer = visitor.get(path)
        assert answer.status_code in (404, 405), path
        assert list(answer.json()) == ["error"]


def test_videos_are_not_listed(visitor):
    assert visitor.get("/api/videos").headers["allow"] == "POST"
    for method, path, allowed in (
        ("GET", "/api/videos", "POST"), ("GET", "/api/sample", "POST"), ("PUT", "/api/videos/x", "DELETE, GET, HEAD")
    ):  # fmt: skip
        visitor.refused(405, method, path)
        assert visitor.request(method, path).headers["allow"] == allowed
    visitor.refused(404, "GET", "/api/nothing")


@pytest.mark.parametrize("headers", [
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:3000"},
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:3000"},
])  # fmt: skip
def test_other_web_sites_cannot_use_it_through_a_visitors_browser(visitor, short, headers):
    options = {"content": short.read_bytes(), "headers": headers}
    assert "another web site" in visitor.refused(403, "POST", "/api/videos?name=a.mp4", **options)
    assert "another web site" in visitor.refused(403, "DELETE", "/api/videos/x", headers=headers)
    assert not list(visitor.jobs.folder.iterdir())


@pytest.mark.parametrize("headers", [
    {}, {"Sec-Fetch-Site": "same-origin", "Origin": OURS}, {"Sec-Fetch-Site": "none"}, {"Origin": OURS},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://videos.example"},  # through a server in front
])  # fmt: skip
def test_its_own_page_and_programs_can(visitor, headers):
    assert visitor.delete("/api/videos/x", headers=headers).status_code == 404


def test_on_this_machine_it_answers_to_no_other_name(visitor):
    for host in ("127.0.0.1", "localhost:8000", "LOCALHOST", "[::1]:8000"):
        assert visitor.get("/api", headers={"Host": host}).status_code == 200
    for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[::1"):
        assert "no name of this server" in visitor.refused(403, "GET", "/api", headers={"Host": host})
    everywhere = Visitor(visitor.jobs, names=None)
    assert everywhere.get("/api", headers={"Host": "party.example"}).status_code == 200


@pytest.mark.parametrize(("given", "kept"), [
    ("party.mp4", "party.mp4"), ("../../etc/passwd", "passwd"), ("C:\\films\\a.mp4", "a.mp4"), ("", "video"),
    ("..", "video"), ("a\nb\x1b[31m\".mp4", "a_b_[31m_.mp4"), ("häuser 2.mp4", "häuser 2.mp4"),
    (unicodedata.normalize("NFD", "häuser.mp4"), "häuser.mp4"), ("हिन्दी.mp4", "हिन्दी.mp4"),
    ("x [a]'s.mp4", "x [a]_s.mp4"), ("100 % #1 (a & b); c!.mp4", "100 % #1 (a & b); c!.mp4"),
    ("a`b$c<d>e|f:g*h?.mp4", "a_b_c_d_e_f_g_h_.mp4"), ("4pm.\u202ecod.mp4", "4pm._cod.mp4"), ("a\u2028b", "a_b"),
    ("x" * 300 + ".mp4", "x" * 116 + ".mp4"), ("x" * 10 + " " + "y" * 119, "y" * 119),
])  # fmt: skip
def test_names_are_made_harmless(given, kept):
    assert plain_name(given) == kept


def test_a_name_of_letters_of_several_bytes_fits_on_a_disk():
    kept = plain_name("あ" * 300 + ".mp4")
    assert kept.endswith("あ.mp4")
    assert len(kept.encode()) <= 200
