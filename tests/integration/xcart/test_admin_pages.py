"""The simulated shop's order page: what it shows, and what it lets somebody else put there."""

import pytest

SCRIPT = "http://127.0.0.1:8080/payment-actions.js"
TAG = '<payment-actions order="{order_id}" number="{order_number}" actor="{admin}"></payment-actions>'


@pytest.fixture
def page(shop):
    def page(path, **query):
        return shop.http.get(f"admin/{path}", params=query)

    return page


@pytest.fixture
def embed(shop):
    def embed(script="", tag=""):
        return shop.http.put("control/section", json={"script": script, "tag": tag})

    yield embed
    embed()


def test_the_list_leads_to_every_order(shop, page):
    for _ in range(3):
        shop.create()
    text = page("orders").text
    assert [f'href="/admin/orders/{number}"' in text for number in (1, 2, 3)] == [True] * 3


def test_an_order_shows_what_the_shop_holds(shop, page):
    shop.create(total="129.90", currency="EUR", payment_status="A", order_number="WEB-7", email="zoe@example.com")
    text = page("orders/1").text
    assert all(part in text for part in ("Order #WEB-7", "129.90 EUR", "Authorized", "zoe@example.com"))
    assert page("orders/1/statuses").json() == {"payment_status": "Authorized", "shipping_status": "New"}


def test_a_section_is_embedded_for_the_order_and_whoever_is_signed_in(shop, page, embed):
    shop.create(order_number="A&B")
    assert "<payment-actions" not in page("orders/1").text
    assert embed(SCRIPT, TAG).is_success
    text = page("orders/1", admin="boris@shop.example").text
    assert f'<script type="module" src="{SCRIPT}"></script>' in text
    assert '<payment-actions order="1" number="A&amp;B" actor="boris@shop.example">' in text


def test_the_policy_allows_the_page_itself_and_the_sections_origin_alone(shop, page, embed):
    shop.create()
    policy = page("orders/1").headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    embed(SCRIPT, TAG)
    policy = page("orders/1").headers["content-security-policy"]
    assert "script-src 'self' http://127.0.0.1:8080; connect-src 'self' http://127.0.0.1:8080;" in policy


@pytest.mark.parametrize("script", ["payment-actions.js", "javascript:alert(1)", 'http://a/"onload=', "http://a; b", 7])
def test_a_script_that_is_no_address_is_refused(embed, script):
    assert embed(script, TAG).status_code == 400


@pytest.mark.parametrize("query", [{"admin": "<u>"}, {"lang": '"><script>'}, {"dir": "<i>"}])
def test_nothing_of_the_address_gets_into_the_page_unchecked(shop, page, query):
    shop.create()
    assert not any(value in page("orders/1", **query).text for value in query.values())


def test_what_buyers_typed_is_shown_and_not_run(shop, page):
    shop.create(email="<script>alert(1)</script>", order_number="<img src=x>")
    for path in ("orders", "orders/1"):
        assert "<script>alert" not in page(path).text
        assert "<img" not in page(path).text


def test_an_order_that_is_not_there_is_a_page_that_says_so(page):
    answer = page("orders/99")
    assert (answer.status_code, "Order with ID 99 not found" in answer.text) == (404, True)


def test_looking_at_pages_is_no_use_of_the_api_and_meets_no_fault(shop, page):
    shop.create()
    shop.fault("500", count=0)
    assert page("orders/1").status_code == 200
    assert shop.requests() == []
