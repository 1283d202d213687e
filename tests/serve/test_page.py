"""What a browser makes of the page."""

import json
from contextlib import contextmanager
from pathlib import Path

import pytest

from dsol.data.boxes import Boxes
from tests.browser import CHROMIUM, Browser
from tests.serve.systems import until
from tests.serve.visiting import LIMIT_MB, running
from tests.videos import BROKEN, write_video

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium here")
MAIN = ("localized.mp4", "poster.jpg", "timeline.png", "result.json", "boxes.coco.json")


@contextmanager
def page(visitor, tmp_path, **window):
    """A browser at the page of a server whose model is loaded."""
    visitor.jobs.worker.start()
    with running(visitor.app) as address, Browser(tmp_path / "profile", **window) as browser:
        browser.open(address)
        browser.wait("document.querySelector('#model').textContent.includes('hummer, whistler')")
        yield browser
        assert not browser.mistakes


def texts(browser: Browser, selector: str) -> list[str]:
    return browser.run(f"[...document.querySelectorAll('{selector}')].map((e) => e.innerText)")


def text(browser: Browser, selector: str) -> str:
    return browser.run(f"document.querySelector('{selector}').innerText")


def click(browser: Browser, selector: str, place: int = 0) -> None:
    browser.run(f"document.querySelectorAll('{selector}')[{place}].click()")


def test_a_visit(visitor, party, tmp_path):
    text_file = BROKEN["text"](tmp_path / "text.mp4")
    (tmp_path / "large.mp4").write_bytes(bytes(LIMIT_MB * 1_000_000 + 1))
    with page(visitor, tmp_path) as browser:
        browser.choose_file("#choose", tmp_path / "large.mp4")
        browser.wait("document.querySelector('#failed').innerText.includes('large.mp4: is larger than 1 MB')")
        click(browser, ".away")
        browser.choose_file("#choose", party, text_file)
        browser.wait("document.querySelector('#videos .failed small').textContent.includes('cannot be opened')")
        browser.wait("document.querySelectorAll('#downloads a').length == 5")
        browser.wait("document.querySelector('#film').readyState > 1")
        address_of_film = browser.run("location.href")
        check_result(browser)
        check_seeking(browser)
        check_layers_and_threshold(browser)
        check_correcting(browser, tmp_path)

        click(browser, ".failed .pick")
        assert "text.mp4: cannot be opened as a video" in text(browser, "#failed")
        click(browser, ".failed .away")
        browser.wait("!document.querySelector('#result').hidden")
        browser.open("about:blank")
        browser.open(address_of_film)
        browser.wait("document.querySelectorAll('.lane').length == 3")
        browser.wait("document.querySelector('#save-corrected').innerText == 'boxes.json, 1 corrected moment'")
        click(browser, ".away")
        browser.wait("!document.querySelector('#empty').hidden && document.querySelector('#visit').hidden")
        assert browser.run("document.querySelector('#problem').hidden")
        assert browser.run("localStorage.length") == 1, "corrections go with their video"
        until(lambda: not list(visitor.jobs.folder.iterdir()))  # the page does not wait for the server's answer


def check_result(browser: Browser) -> None:
    assert texts(browser, ".name") == ["sound", "hummer", "whistler"]
    assert texts(browser, ".segments b") == ["hummer", "whistler"]
    downloads = browser.run("[...document.querySelectorAll('#downloads a')].map((e) => e.download)")
    assert downloads == [f"my party.{file}" for file in MAIN]
    assert "localized.srt" in browser.run("document.querySelector('#format-list').textContent")
    dots = browser.run("[...document.querySelectorAll('.names .dot')].map((e) => e.style.background)")
    assert dots[1:] == ["rgb(86, 180, 233)", "rgb(230, 159, 0)"], "as in the film"
    browser.run("document.querySelector('.seek').focus()")
    browser.press("Home")
    assert text(browser, "#now").startswith("0:00.0")
    assert browser.run("document.querySelector('#film').src").startswith("blob:"), "the visitor's own file"


def check_seeking(browser: Browser) -> None:
    slider = "document.querySelector('.seek')"
    for key, time_s, sounds in [("End", 5, "nothing sounds"), ("PageDown", 0, "hummer"), ("ArrowRight", 1, "hummer")]:
        browser.press(key)
        assert browser.run(f"{slider}.ariaValueText").startswith(f"{time_s:.1f} seconds: {sounds}")
    browser.run("document.querySelector('#film').muted = true")
    click(browser, ".segments button", 1)  # plays the stretch, and stops where it ends
    browser.wait("document.querySelector('#now').innerText.includes('whistler')")
    browser.wait("document.querySelector('#film').paused && document.querySelector('#film').currentTime > 3.5")
    assert browser.run("document.querySelector('#film').currentTime") == pytest.approx(4.1, abs=0.6)
    click(browser, ".names button", 0)  # a lane is heard by its name
    browser.wait("document.querySelector('#film').currentTime < 2 && !document.querySelector('#film').paused")
    browser.wait("document.querySelectorAll('#objects button').length == 1")
    assert browser.run("document.querySelector('#objects button').ariaLabel") == "hummer, sounds: hear it"
    click(browser, "#objects button")
    browser.run("document.querySelector('#film').pause()")


COLOURED = """(() => {
    const canvas = document.querySelector('#overlay');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return data.some((value) => value);
})()"""


def check_layers_and_threshold(browser: Browser) -> None:
    browser.run("document.querySelector('.seek').focus()")
    browser.press("Home")
    browser.press("ArrowRight")
    browser.wait(COLOURED)
    for part in ("#light", "#boxes"):
        click(browser, part)
    browser.wait(f"!{COLOURED}")
    for part in ("#light", "#boxes"):
        click(browser, part)
    click(browser, ".names input", 0)  # the hummer, the only one that sounds then, off
    browser.wait(f"!{COLOURED} && document.querySelectorAll('#objects button').length == 0")
    click(browser, ".names input", 0)
    move = "document.querySelector('#threshold').value = {}, "
    browser.run(move.format(0.99) + "document.querySelector('#threshold').dispatchEvent(new Event('input'))")
    assert "threshold=0.99" in browser.run("document.querySelectorAll('#downloads a')[3].href")
    assert "threshold" not in browser.run("document.querySelectorAll('#downloads a')[0].href"), "painted once"
    click(browser, "#reset")
    assert texts(browser, ".segments b") == ["hummer", "whistler"]


def check_correcting(browser: Browser, tmp_path: Path) -> None:
    click(browser, "#edit")
    browser.wait("document.querySelectorAll('.handle').length == 1")
    before = browser.run("document.querySelector('.handle').style.left")
    browser.run("document.querySelector('.handle').focus()")
    browser.press("ArrowRight")
    browser.wait(f"document.querySelector('.handle').style.left != '{before}'")
    name = "document.querySelector('#edited input[type=text]')"
    browser.run(f"{name}.value = 'drone', {name}.dispatchEvent(new Event('change'))")
    browser.wait("document.querySelector('#save-corrected').innerText == 'boxes.json, 1 corrected moment'")
    click(browser, "#add")
    browser.wait("document.querySelectorAll('#edited li').length == 2")
    click(browser, "#edited li:last-child input[type=checkbox]")  # it does not sound
    browser.run("window.blobs = []")
    browser.run("URL.createObjectURL = (blob) => (window.blobs.push(blob), 'blob:none')")
    browser.run("HTMLAnchorElement.prototype.click = () => {}")
    click(browser, "#save-corrected")
    click(browser, "#save-all")
    corrected, all_ = (json.loads(browser.run(f"window.blobs[{n}].text()")) for n in range(2))
    assert set(corrected["categories"]) == {"hummer", "whistler", "drone"}
    (frame,) = corrected["frames"]
    assert (frame["video"], frame["time_s"]) == ("my party.mp4", 1.0)
    assert [(box["category"], box["sounding"]) for box in frame["boxes"]] == [("drone", True), ("drone", False)]
    assert len(all_["frames"]) == 20
    assert all_["frames"][0]["boxes"][0]["category"] == "drone", "renamed everywhere"
    for content in (corrected, all_):
        path = tmp_path / "boxes.json"
        path.write_text(json.dumps(content))
        assert len(Boxes.load(path)) == len(content["frames"])
    click(browser, "#edit")


def test_pictures_stand_in_until_there_is_a_film_that_browsers_play(visitor, tmp_path):
    video = write_video(tmp_path / "old.avi", seconds=2.0)
    with page(visitor, tmp_path, size=(390, 800), dark=True) as browser:
        browser.choose_file("#choose", video)
        browser.wait("document.querySelectorAll('#downloads a').length == 5")
        browser.wait("document.querySelector('#film').src.endsWith('watch.mp4')")
        browser.wait("document.querySelector('#film').readyState > 1 && !document.querySelector('#film').hidden")
        assert browser.run("document.documentElement.scrollWidth") == 390, "a phone scrolls down only"


def test_the_sample_is_one_click_and_results_come_while_it_is_worked_on(gated, tmp_path):
    visitor, system = gated
    with page(visitor, tmp_path) as browser:
        click(browser, "#sample")
        browser.wait("document.querySelector('#busy-title').innerText.includes('drawn')")
        browser.wait("document.querySelector('#busy-step').innerText.includes('of')")
        system.gate.touch()
        browser.wait("document.querySelector('#film').readyState > 1 && document.querySelector('.lane')")


HELD = """
    const ask = window.fetch;
    window.asked = 0;
    window.release = new Promise((resolve) => (window.let = resolve));
    window.fetch = async (path, options) => {
      window.asked += 1;
      if (window.hold && !options) await window.release;
      const answer = await ask(path, options);
      window.answered = answer.status;
      return answer;
    };"""


def test_a_late_answer_is_no_news_and_a_good_one_hides_no_problem(gated, short, tmp_path):
    visitor, _ = gated
    with page(visitor, tmp_path) as browser:
        browser.run(f"(() => {{ {HELD} }})()")
        browser.choose_file("#choose", short)
        browser.wait("window.asked > 1")
        browser.run("window.dispatchEvent(new ErrorEvent('error', { message: 'a test' })), (window.asked = 0)")
        browser.wait("window.asked > 1")
        assert text(browser, "#problem") == "The page has a mistake: a test"

        browser.run("(window.hold = true, window.asked = 0)")
        browser.wait("window.asked == 1")
        click(browser, ".away")
        browser.wait("window.answered == 204")
        browser.run("window.let()")
        browser.wait("window.answered == 404")
        assert browser.run("new Promise((resolve) => setTimeout(resolve, 100))") is None
        assert browser.run("document.querySelector('#said').textContent") == ""


LABELS = """[...document.querySelectorAll('button, input, a, video, [role=slider], progress')]
    .filter((e) => e.checkVisibility())
    .filter((e) => !(e.ariaLabel || e.getAttribute('aria-label') || e.getAttribute('aria-labelledby')
        || e.innerText || e.labels?.[0]?.innerText)).map((e) => e.outerHTML)"""


def test_everything_that_is_operated_has_a_name(visitor, party, tmp_path):
    with page(visitor, tmp_path) as browser:
        browser.choose_file("#choose", party)
        browser.wait("document.querySelectorAll('#downloads a').length == 5")
        click(browser, "#edit")
        assert browser.run(LABELS) == []
        browser.wait("document.querySelector('#said').textContent == 'my party.mp4: hummer, whistler'")
