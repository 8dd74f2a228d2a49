resource "aws_lb_target_group" "this" {
  for_each             = local.balanced
  name                 = "${var.name}-${each.key}"
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = each.value.port
  vpc_id               = var.shared.vpc_id
  deregistration_delay = each.value.deregistration_delay
  tags                 = merge(local.tags, { Name = "${var.name}-${each.key}" })

  health_check {
    path                = each.value.healthcheck.path
    interval            = each.value.healthcheck.interval
    timeout             = each.value.healthcheck.timeout
    healthy_threshold   = each.value.healthcheck.healthy_threshold
    unhealthy_threshold = each.value.healthcheck.unhealthy_threshold
    matcher             = each.value.healthcheck.matcher
  }
}

# Without a priority a rule gets the next free one, so the order of making is the order of asking: the rules with paths of
# their own, then the one that takes the rest.
resource "aws_lb_listener_rule" "specific" {
  for_each     = local.specific
  listener_arn = var.shared.listener_arn
  tags         = merge(local.tags, { Name = "${var.name}-${each.key}" })

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }

  condition {
    host_header {
      values = [local.host]
    }
  }

  condition {
    path_pattern {
      values = each.value.paths
    }
  }
}

resource "aws_lb_listener_rule" "catch_all" {
  for_each     = local.catch_all
  listener_arn = var.shared.listener_arn
  tags         = merge(local.tags, { Name = "${var.name}-${each.key}" })

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }

  condition {
    host_header {
      values = [local.host]
    }
  }

  depends_on = [aws_lb_listener_rule.specific]
}

resource "aws_route53_record" "this" {
  zone_id = var.shared.zone_id
  name    = local.host
  type    = "A"

  alias {
    name                   = var.shared.alb.dns_name
    zone_id                = var.shared.alb.zone_id
    evaluate_target_health = false
  }
}

resource "aws_service_discovery_service" "this" {
  for_each = { for name, service in var.services : name => service if service.discoverable }
  name     = "${var.name}-${each.key}"
  tags     = local.tags

  dns_config {
    namespace_id   = var.shared.namespace.id
    routing_policy = "MULTIVALUE"

    dns_records {
      type = "A"
      ttl  = 10
    }
  }

  health_check_custom_config {
    failure_threshold = 1
  }
}
