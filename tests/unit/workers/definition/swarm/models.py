"""A resolved Compose model that uses what Swarm can do."""

import copy
from typing import Any

Model = dict[str, Any]

WEB: Model = {
    "image": "registry.example.org/team/shop-web@sha256:00",
    "command": ["serve", "b$$c"],
    "entrypoint": None,
    "environment": {"A": "1", "B": "x$$y", "C": None},
    "networks": {"back": {"aliases": ["w"]}, "default": None},
    "labels": {"a": "b", "updater.release": "v1.0.0", "updater.rollout": "r-1"},
    "healthcheck": {"interval": "5s", "start_period": "1m0s", "test": ["CMD-SHELL", "exit 0"]},
    "stop_grace_period": "1m30s",
    "deploy": {"replicas": 3, "labels": {"d": "e"}, "placement": {"constraints": ["node.role==worker"]}},
}

BOT: Model = {"image": "registry.example.org/team/shop-bot@sha256:11", "networks": {"default": None}}


def a_model(**change: Any) -> Model:
    """The project `shop`, whose services `web` and `bot` have `change` too."""
    services = {name: {**copy.deepcopy(each), **change} for name, each in (("web", WEB), ("bot", BOT))}
    return {
        "name": "shop",
        "services": services,
        "networks": {"back": {"driver": "overlay", "name": "shop_back"}, "default": {"name": "shop_default"}},
        "volumes": {"data": {"name": "shop_data"}, "shared": {"name": "shop_shared", "driver_opts": {"type": "nfs"}}},
        "configs": {"cfg": {"file": "/srv/shop/c.yml", "name": "shop_cfg"}, "text": {"content": "a$$b"}},
        "secrets": {"sec": {"environment": "SEC"}, "old": {"external": True, "name": "the_old"}},
    }
