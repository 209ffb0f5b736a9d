using YamlDotNet.RepresentationModel;

namespace Vae.Tests.Unit.Deploy;

public class ManifestTests
{
    public static TheoryData<string> Folders => ["base", "overlays/local", "overlays/gpu", "overlays/postgres"];

    [TheoryWith("kubectl"), MemberData(nameof(Folders))]
    public void Rendering_holds_every_part_of_the_cluster(string folder)
    {
        var kinds = Manifests.Render(folder).Select(node => node.Text("kind")).Distinct();

        Assert.Superset(
            new HashSet<string?> { "Namespace", "StatefulSet", "Service", "Deployment", "ConfigMap", "NetworkPolicy", "PodDisruptionBudget", "ServiceAccount" },
            kinds.ToHashSet());
    }

    [TheoryWith("kubectl"), MemberData(nameof(Folders))]
    public void No_secret_is_committed_and_the_token_arrives_as_a_file(string folder)
    {
        var objects = Manifests.Render(folder);

        Assert.Empty(objects.OfKind("Secret"));
        Assert.All(Pods(objects), pod => Assert.Contains(pod.Items("spec/volumes"), volume => volume.Text("secret/secretName") == "vae-token"));
        Assert.All(Containers(objects), container => Assert.DoesNotContain(container.Items("env"), variable => variable.At("valueFrom/secretKeyRef") is not null));
    }

    [TheoryWith("kubectl"), MemberData(nameof(Folders))]
    public void Pods_meet_the_restricted_standard_and_more(string folder)
    {
        var objects = Manifests.Render(folder);

        Assert.Equal("restricted", objects.OfKind("Namespace").Single().Labels("metadata/labels")["pod-security.kubernetes.io/enforce"]);
        Assert.All(Pods(objects), pod =>
        {
            Assert.Equal("true", pod.Text("spec/securityContext/runAsNonRoot"));
            Assert.NotEqual("0", pod.Text("spec/securityContext/runAsUser") ?? "0");
            Assert.Equal("RuntimeDefault", pod.Text("spec/securityContext/seccompProfile/type"));
            Assert.Equal("false", pod.Text("spec/automountServiceAccountToken"));
            Assert.Equal("false", pod.Text("spec/enableServiceLinks"));
            Assert.All(["hostNetwork", "hostPID", "hostIPC"], field => Assert.Null(pod.At($"spec/{field}")));
            Assert.DoesNotContain(pod.Items("spec/volumes"), volume => volume.At("hostPath") is not null);
        });
        Assert.All(Containers(objects), container =>
        {
            Assert.Equal("false", container.Text("securityContext/allowPrivilegeEscalation"));
            Assert.Equal("true", container.Text("securityContext/readOnlyRootFilesystem"));
            Assert.Equal(["ALL"], container.Items("securityContext/capabilities/drop").Select(node => ((YamlScalarNode)node).Value));
            Assert.Empty(container.Items("securityContext/capabilities/add"));
        });
    }

    [TheoryWith("kubectl"), MemberData(nameof(Folders))]
    public void Pods_state_what_they_need_answer_probes_and_get_time_to_leave(string folder)
    {
        var objects = Manifests.Render(folder);

        Assert.All(Pods(objects), pod => Assert.InRange(int.Parse(pod.Text("spec/terminationGracePeriodSeconds")!), 60, 600));
        Assert.All(Containers(objects), container =>
        {
            Assert.All(["requests/cpu", "requests/memory", "limits/cpu", "limits/memory"], field => Assert.NotNull(container.Text($"resources/{field}")));
            var ports = container.Items("ports").Select(port => port.Text("name")).ToHashSet();
            Assert.All(["startupProbe", "readinessProbe", "livenessProbe"], probe => Assert.Contains(container.Text($"{probe}/httpGet/port"), ports));
        });
    }

    [TheoryWith("kubectl"), MemberData(nameof(Folders))]
    public void Network_is_closed_but_for_named_ways(string folder)
    {
        var policies = Manifests.Render(folder).OfKind("NetworkPolicy").ToDictionary(policy => policy.Text("metadata/name")!);

        string[] ways = ["all-from-prometheus", "all-to-dns", "coordinator-from-worker", "default-deny", "worker-to-coordinator", "worker-to-worker"];
        if (folder == "overlays/postgres") ways = [.. ways, "coordinator-to-database"];
        Assert.Equal(ways.Order(StringComparer.Ordinal), policies.Keys.Order(StringComparer.Ordinal));
        var deny = policies["default-deny"];
        Assert.Empty(deny.Labels("spec/podSelector"));
        Assert.Equal(["Ingress", "Egress"], deny.Items("spec/policyTypes").Select(node => ((YamlScalarNode)node).Value));
        Assert.True(deny.At("spec/ingress") is null && deny.At("spec/egress") is null);

        // A peer list that is empty or missing opens the way to everybody.
        Assert.All(policies.Values, policy => Assert.All(policy.Items("spec/ingress").Concat(policy.Items("spec/egress")),
            rule => Assert.NotEmpty(rule.Items("from").Concat(rule.Items("to")))));
    }

    [TheoryWith("kubectl"), MemberData(nameof(Folders))]
    public void Every_selector_finds_a_pod(string folder)
    {
        var objects = Manifests.Render(folder);
        var pods = Pods(objects).Select(pod => pod.Labels("metadata/labels")).ToList();
        var selectors = objects.OfKind("Service").Select(node => node.Labels("spec/selector"))
            .Concat(objects.OfKind("StatefulSet", "Deployment", "PodDisruptionBudget").Select(node => node.Labels("spec/selector/matchLabels")))
            .Concat(objects.OfKind("NetworkPolicy").Select(node => node.Labels("spec/podSelector/matchLabels")))
            .ToList();

        Assert.True(selectors.Count > 10);
        Assert.All(selectors, selector => Assert.Contains(pods, labels => selector.All(labels.Contains)));
    }

    [TheoryWith("kubectl"), MemberData(nameof(Folders))]
    public void Every_argument_is_an_option_of_the_command_that_the_container_runs(string folder)
    {
        var reference = File.ReadAllText(Checkout.PathTo("docs/cli.md"));

        Assert.All(Containers(Manifests.Render(folder)), container =>
        {
            var arguments = Arguments(container);
            Assert.Equal(container.Text("name"), arguments[0]);
            var chapter = reference.Split("\n### ").Single(text => text.StartsWith($"vae {arguments[0]}\n", StringComparison.Ordinal));
            Assert.All(arguments.Where(argument => argument.StartsWith("--", StringComparison.Ordinal)),
                option => Assert.True(chapter.Contains($"| `{option} ", StringComparison.Ordinal) || chapter.Contains($"| `{option}` ", StringComparison.Ordinal) || option == "--home", $"vae {arguments[0]} has no {option}"));
        });
    }

    [TheoryWith("kubectl"), MemberData(nameof(Folders))]
    public void Coordinator_answers_to_every_name_of_its_service(string folder)
    {
        var objects = Manifests.Render(folder);
        var service = objects.OfKind("Service").Single(node => node.Text("spec/type") == "ClusterIP").Text("metadata/name")!;
        var coordinator = Containers(objects).Single(container => container.Text("name") == "coordinator");
        var arguments = Arguments(coordinator);
        var names = arguments.Where((_, i) => i > 0 && arguments[i - 1] == "--http-host");

        Assert.Equal([service, $"{service}.$(POD_NAMESPACE)", $"{service}.$(POD_NAMESPACE).svc", $"{service}.$(POD_NAMESPACE).svc.cluster.local"], names);
        Assert.Equal("metadata.namespace", coordinator.Items("env").Single(variable => variable.Text("name") == "POD_NAMESPACE").Text("valueFrom/fieldRef/fieldPath"));
    }

    [FactWith("kubectl")]
    public void Gpu_overlay_gives_each_worker_one_gpu_and_lets_it_onto_gpu_nodes()
    {
        var worker = Manifests.Render("overlays/gpu").OfKind("Deployment").Single();

        Assert.Equal("1", worker.Items("spec/template/spec/containers").Single().Labels("resources/limits")["nvidia.com/gpu"]);
        Assert.Equal("true", worker.Labels("spec/template/spec/nodeSelector")["nvidia.com/gpu.present"]);
        Assert.Contains(worker.Items("spec/template/spec/tolerations"), toleration => toleration.Text("key") == "nvidia.com/gpu");
    }

    [FactWith("kubectl")]
    public void Postgres_overlay_runs_two_coordinators_on_one_folder_and_one_database()
    {
        var objects = Manifests.Render("overlays/postgres");
        var coordinator = objects.OfKind("StatefulSet").Single();
        var container = coordinator.Items("spec/template/spec/containers").Single();

        Assert.Equal("2", coordinator.Text("spec/replicas"));
        Assert.Null(coordinator.At("spec/volumeClaimTemplates"));
        var home = coordinator.Items("spec/template/spec/volumes").Single(volume => volume.Text("name") == "state").Text("persistentVolumeClaim/claimName");
        Assert.Equal(["ReadWriteMany"], objects.OfKind("PersistentVolumeClaim").Single(claim => claim.Text("metadata/name") == home).Items("spec/accessModes").Select(mode => ((YamlScalarNode)mode).Value));

        // The password is a file of a secret; what the container is told is only where.
        var file = container.Items("env").Single(variable => variable.Text("name") == "VAE_STORE_FILE").Text("value")!;
        var mounted = container.Items("volumeMounts").Single(mount => mount.Text("mountPath") == Path.GetDirectoryName(file)).Text("name");
        var secret = coordinator.Items("spec/template/spec/volumes").Single(volume => volume.Text("name") == mounted);
        Assert.Equal(Path.GetFileName(file), secret.Items("secret/items").Single().Text("path"));
        Assert.DoesNotContain(Arguments(container), argument => argument.Contains("postgres://", StringComparison.Ordinal));
    }

    [FactWith("kubectl")]
    public void A_standby_that_is_never_ready_blocks_neither_start_nor_drain()
    {
        var objects = Manifests.Render("overlays/postgres");
        var coordinator = objects.OfKind("StatefulSet").Single();
        var budget = objects.OfKind("PodDisruptionBudget").Single(node => node.Text("metadata/name") == "vae-coordinator");

        Assert.Equal("Parallel", coordinator.Text("spec/podManagementPolicy"));
        Assert.Equal("OnDelete", coordinator.Text("spec/updateStrategy/type"));
        Assert.Equal(coordinator.Text("spec/replicas"), budget.Text("spec/maxUnavailable"));
    }

    [FactWith("kubectl")]
    public void Workers_of_the_postgres_overlay_know_every_coordinator_by_the_name_that_its_pod_has()
    {
        var objects = Manifests.Render("overlays/postgres");
        var coordinator = objects.OfKind("StatefulSet").Single();
        var headless = objects.OfKind("Service").Single(service => service.Text("spec/clusterIP") == "None");
        var told = objects.OfKind("ConfigMap").Single().Text("data/VAE_SETTING_COORDINATOR")!;

        Assert.Equal(headless.Text("metadata/name"), coordinator.Text("spec/serviceName"));
        Assert.Equal("true", headless.Text("spec/publishNotReadyAddresses"));
        Assert.Equal(
            Enumerable.Range(0, int.Parse(coordinator.Text("spec/replicas")!)).Select(pod => $"{coordinator.Text("metadata/name")}-{pod}.{headless.Text("metadata/name")}:7431"), told.Split(','));
    }

    private static List<string> Arguments(YamlNode container) => [.. container.Items("args").Select(node => ((YamlScalarNode)node).Value!)];

    private static List<YamlNode> Pods(IEnumerable<YamlNode> objects)
    {
        var pods = objects.OfKind("StatefulSet", "Deployment").Select(node => node.At("spec/template")!).ToList();
        Assert.Equal(2, pods.Count);
        return pods;
    }

    private static IEnumerable<YamlNode> Containers(IEnumerable<YamlNode> objects) =>
        Pods(objects).SelectMany(pod => pod.Items("spec/containers").Concat(pod.Items("spec/initContainers")));
}
