locals {
  nowhere = "There is no environment of this name. `adhoc ls` lists those that exist.\n"
  # An environment's rules are on this one.
  listener_arn = var.https ? one(aws_lb_listener.https[*].arn) : aws_lb_listener.http.arn
  certificate  = var.https && var.certificate_arn == null ? 1 : 0
}

resource "aws_lb" "this" {
  name               = "${var.name}-alb"
  load_balancer_type = "application"
  security_groups    = [aws_security_group.alb.id]
  subnets            = [for subnet in aws_subnet.public : subnet.id]
  tags               = merge(local.tags, { Name = "${var.name}-alb" })
  depends_on         = [aws_internet_gateway.this]
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = var.http_port
  protocol          = "HTTP"
  tags              = merge(local.tags, { Name = "${var.name}-alb-http" })

  default_action {
    type = var.https ? "redirect" : "fixed-response"

    dynamic "redirect" {
      for_each = var.https ? [1] : []
      content {
        protocol    = "HTTPS"
        port        = tostring(var.https_port)
        status_code = "HTTP_301"
      }
    }

    dynamic "fixed_response" {
      for_each = var.https ? [] : [1]
      content {
        status_code  = "404"
        content_type = "text/plain"
        message_body = local.nowhere
      }
    }
  }
}

resource "aws_lb_listener" "https" {
  count             = var.https ? 1 : 0
  load_balancer_arn = aws_lb.this.arn
  port              = var.https_port
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn != null ? var.certificate_arn : one(aws_acm_certificate_validation.this[*].certificate_arn)
  tags              = merge(local.tags, { Name = "${var.name}-alb-https" })

  default_action {
    type = "fixed-response"

    fixed_response {
      status_code  = "404"
      content_type = "text/plain"
      message_body = local.nowhere
    }
  }
}

# ---- Names

data "aws_route53_zone" "this" {
  count = var.create_hosted_zone ? 0 : 1
  name  = var.domain
}

resource "aws_route53_zone" "this" {
  count = var.create_hosted_zone ? 1 : 0
  name  = var.domain
  tags  = local.tags
}

locals {
  zone_id = var.create_hosted_zone ? one(aws_route53_zone.this[*].zone_id) : one(data.aws_route53_zone.this[*].zone_id)
}

resource "aws_acm_certificate" "this" {
  count             = local.certificate
  domain_name       = "*.${var.domain}"
  validation_method = "DNS"
  tags              = local.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  count           = local.certificate
  zone_id         = local.zone_id
  name            = one(aws_acm_certificate.this[0].domain_validation_options).resource_record_name
  type            = one(aws_acm_certificate.this[0].domain_validation_options).resource_record_type
  records         = [one(aws_acm_certificate.this[0].domain_validation_options).resource_record_value]
  ttl             = 60
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  count                   = local.certificate
  certificate_arn         = aws_acm_certificate.this[0].arn
  validation_record_fqdns = aws_route53_record.validation[*].fqdn
}

resource "aws_service_discovery_private_dns_namespace" "this" {
  name = "${var.name}-sd-ns"
  vpc  = aws_vpc.this.id
  tags = local.tags
}
