import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudassist import limits
from cloudassist.errors import InvalidParameterError, LimitExceededError
from cloudassist.parameters import BUILT_INS, check_values, find_names, render

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NAME = st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z")


@given(name=NAME, value=TEXT, before=TEXT.filter(lambda text: "{" not in text and "}" not in text))
def test_a_value_arrives_byte_for_byte(name, value, before):
    template = f"{before}{{{{{name}}}}}{before}"
    assert find_names(template) == (name.lower(),)
    assert render(template, check_values(find_names(template), {name: value}), {}) == before + value + before


@given(value=TEXT)
def test_values_are_never_expanded(value):
    rendered = render("{{a}}{{b}}", {"a": value, "b": "{{a}}{{ACS::InstanceId}}"}, {"InstanceId": "web-1"})
    assert rendered == value + "{{a}}{{ACS::InstanceId}}"


def test_names_are_found_once_in_order_without_case_and_blanks():
    template = "{{ Name }} {{other}} {{\n name\t}} {{ACS::InvokeId}} {single} {{OTHER}}"
    assert find_names(template) == ("name", "other")


def test_missing_values_become_empty_and_built_ins_are_filled():
    assert render("[{{a}}][{{ ACS::RegionId }}]", {}, {"RegionId": "local"}) == "[][local]"


def test_text_without_parameters_stays():
    script = "awk '{print $1}' <<< ${x} # { {y} } }}{{"
    assert find_names(script) == ()
    assert render(script, {}, {}) == script


@pytest.mark.parametrize(
    ("template", "code", "named"),
    [
        ("{{}}", "CmdParam.EmptyKey", "name"),
        ("{{ }}", "CmdParam.EmptyKey", "name"),
        ("{{a b}}", "CmdParam.InvalidParamName", "'a b'"),
        ("{{.State}}", "CmdParam.InvalidParamName", "'.State'"),
        ("{{ü}}", "CmdParam.InvalidParamName", "'ü'"),
        ("{{" + "n" * 65 + "}}", "CmdParamName.ExceedLimit", "65"),
        ("{{ACS::Nope}}", "InvalidSystemBuiltInParameter", "ACS::Nope"),
        ("{{acs::InstanceId}}", "CmdParam.InvalidParamName", "'acs::InstanceId'"),
        (" ".join(f"{{{{p{i}}}}}" for i in range(21)), "CmdParamCount.ExceedLimit", "21"),
    ],
)
def test_a_bad_name_is_refused(template, code, named):
    with pytest.raises(InvalidParameterError) as caught:
        find_names(template)
    assert caught.value.code == code
    assert named in caught.value.message


def test_limits_hold_at_their_edge():
    names = find_names(" ".join(f"{{{{p{i}}}}}" for i in range(limits.PARAMETER_COUNT)))
    assert len(names) == 20
    assert find_names("{{" + "n" * 64 + "}}") == ("n" * 64,)
    assert len(check_values(names, dict.fromkeys(names, "x"))) == 20


@pytest.mark.matrix("F64")
@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"b": "1"}, "Parameter.NotMatched"),
        ({"a": 1}, "ParameterType.NotSupported"),
        ({"a": None}, "ParameterType.NotSupported"),
        ({1: "a"}, "ParameterType.NotSupported"),
        ({"a": "1", "A": "2"}, "ParameterKey.Duplicate"),
        ({"a": "x\0y"}, "InvalidParameterCharset.Parameters"),
        ({"a": "\ud800"}, "InvalidParameterCharset.Parameters"),
        ({f"p{i}": "" for i in range(21)}, "ParameterCount.ExceedLimit"),
    ],
)
def test_bad_values_are_refused(values, code):
    with pytest.raises(InvalidParameterError) as caught:
        check_values(("a",), values)
    assert caught.value.code == code
    assert isinstance(caught.value, LimitExceededError) == code.endswith("ExceedLimit")


def test_every_built_in_is_known():
    assert find_names(" ".join(f"{{{{ACS::{name}}}}}" for name in BUILT_INS)) == ()
