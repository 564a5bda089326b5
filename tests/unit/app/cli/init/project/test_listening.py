from app.cli.init.project.listening import environment_ports

API = ("api", "zetherion-ai-api")
OTHERS = ("skills", "cgs-gateway", "qdrant")


def test_own_port_variable_takes_precedence() -> None:
    environment = {"PORT": "1", "HTTP_PORT": "2", "API_PORT": "8443", "API_HOST": "0.0.0.0"}
    assert environment_ports(environment, API, OTHERS) == {"API_PORT": 8443}


def test_dashes_in_a_name_match_underscores() -> None:
    environment = {"CGS_GATEWAY_PORT": "8743", "API_PORT": "8443"}
    assert environment_ports(environment, ("cgs-gateway",), ("api",)) == {"CGS_GATEWAY_PORT": 8743}


def test_port_of_another_service_is_ignored() -> None:
    shared = {"QDRANT_HOST": "qdrant", "QDRANT_PORT": "6333", "SKILLS_PORT": "8080", "SKILLS_HOST": "0.0.0.0"}
    assert environment_ports(shared, API, OTHERS) == {}
    assert environment_ports({"SERVER_PORT": "80", "SERVER_HOST": "db.example.org"}, API) == {}


def test_general_port_names_are_the_fallback() -> None:
    assert environment_ports({"PORT": "3000", "HTTP_PORT": "2"}, API) == {"PORT": 3000}
    assert environment_ports({"HTTP_PORT": "2", "SMTP_PORT": "25"}, API) == {"HTTP_PORT": 2}
    assert environment_ports({"DEV_AGENT_API_PORT": "8787", "DEV_AGENT_API_HOST": "0.0.0.0"}, ("agent",)) == {
        "DEV_AGENT_API_PORT": 8787
    }


def test_invalid_port_is_ignored() -> None:
    assert environment_ports({"PORT": "${PORT}", "API_PORT": "99999", "PORTS": "80"}, API) == {}
