"""Reviews one task on Label Studio's page in headless Chromium. Runs in Label Studio's environment, not in ours.

Standard input: {browser, url, email, password, project, task, picture}. Standard output: {stage: [x, y, width, height] of the picture
on the page, annotation: what the page saved}. The page as it was before the stroke is
written to ``picture``.
"""

import json
import sys

from playwright.sync_api import sync_playwright

PATIENCE = 120_000  # milliseconds; the page is some megabytes of script, and the machine may be busy
STROKE = ((0.05, 0.08), (0.2, 0.1), (0.35, 0.06))  # in shares of the picture


def main() -> None:
    asked = json.load(sys.stdin)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=asked["browser"], args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        page = chromium.new_page(viewport={"width": 1500, "height": 950})
        page.set_default_timeout(PATIENCE)
        page.goto(f"{asked['url']}/user/login/")
        page.fill("input[name=email]", asked["email"])
        page.fill("input[name=password]", asked["password"])
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "/user/login" not in url)
        page.goto(f"{asked['url']}/projects/{asked['project']}/data?task={asked['task']}&labeling=1")
        stage = page.locator(".konvajs-content").first
        stage.wait_for()
        submit = page.locator("button:has-text('Submit')").first
        submit.wait_for()
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(2000)  # the mask is unpacked and drawn after the picture
        page.screenshot(path=asked["picture"])
        for key in ("1", "3", "6"):  # yes, novel, yes
            page.keyboard.press(key)
            page.wait_for_timeout(500)
        box = stage.bounding_box()
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in STROKE]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=8)
            page.wait_for_timeout(200)
        page.mouse.up()
        page.wait_for_timeout(1000)
        with page.expect_response(
            lambda answer: "/annotations" in answer.url and answer.request.method == "POST"
        ) as sent:
            submit.click()
        annotation = sent.value.json()
        chromium.close()
    json.dump(
        {"stage": [box["x"], box["y"], box["width"], box["height"]], "annotation": annotation},
        sys.stdout,
    )


main()
