import pytest

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.cli.orders_file import PROBLEMS_MAX, BadFile, Defaults, read

NONE = Defaults("", "", "")
CAPTURE = Defaults("eu-shop", "CAPTURE", "shipped")


@pytest.fixture
def file(tmp_path):
    def file(text):
        path = tmp_path / "orders.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return file


def test_what_a_line_leaves_out_is_what_the_options_say(file):
    lines = read(file("order_id,store,action,amount,note\n1,,,,\n2,outlet,void,,sold out\n"), CAPTURE)
    assert [line.number for line in lines] == [2, 3]
    first, second = (line.item for line in lines)
    assert first == pb.ActionItem(store="eu-shop", order_id="1", action=pb.ACTION_CAPTURE, note="shipped")
    assert second == pb.ActionItem(store="outlet", order_id="2", action=pb.ACTION_VOID, note="sold out")


@pytest.mark.parametrize(
    "text",
    [
        "order_id,amount\n1,10.00 EUR\n",
        "Order_ID ; Amount\r\n1;10.00 EUR\r\n",
        "order_id\tamount\n1\t10.00 EUR",
        "\ufefforder_id,amount\n\n 1 , 10.00 EUR \n\n",
        'order_id,amount\n"1","10.00 EUR"\n',
    ],
)
def test_a_spreadsheets_csv_is_read(file, text):
    ((_, item),) = read(file(text), CAPTURE)
    assert (item.order_id, item.amount.units, item.amount.currency_code) == ("1", 10, "EUR")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no column order_id"),
        ("order_id\n", "lists no order"),
        ("number\n1\n", "unknown column 'number'"),
        ("order_id,note,note\n1,a,b\n", "a column twice"),
        ("order_id\n1,2\n", "line 2: it has 2 cells under 1 columns"),
        ("order_id\n1\n1\n", "line 3: order 1 stands on line 2 already"),
        ("order_id,amount\n1,ten\n", "line 2: 'ten' is not an amount"),
        ("order_id,amount\n1,10.001 EUR\n", "line 2: amount must be"),
        ("order_id,amount,action\n1,10.00 EUR,void\n", "only CAPTURE and REFUND take an amount"),
        ("order_id,action\n1,pay\n", "action is 'pay'"),
        ("order_id,store\n1,EU Shop\n", "line 2: store must be"),
        ("order_id,note\n,no order\n", "line 2: order_id must be"),
        (b"order_id\n\xff\n", "not UTF-8"),
        ('order_id\n"1\n', "not CSV"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(file, text, told):
    with pytest.raises(BadFile) as caught:
        read(file(text), CAPTURE)
    assert told in str(caught.value)


def test_store_and_action_have_to_come_from_somewhere(file):
    with pytest.raises(BadFile) as caught:
        read(file("order_id\n1\n"), NONE)
    assert caught.value.problems == [
        "line 2: store is missing; fill the column or give --store",
        "line 2: action is missing; fill the column or give --action",
    ]


def test_a_file_that_is_wrong_throughout_is_not_told_throughout(file):
    text = "order_id,action\n" + "".join(f"{number},pay\n" for number in range(1000))
    with pytest.raises(BadFile) as caught:
        read(file(text), CAPTURE)
    assert len(caught.value.problems) == PROBLEMS_MAX
