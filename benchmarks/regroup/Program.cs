using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Vae.Benchmarks.Regroup;
using Vae.Shared.Sweeps;

// A gang of processes on this machine whose runner is this program: kills one rank with -9 again and again while it trains, forms the gang of the survivors, then lets a new process join. Prints one JSON object.
var options = new Dictionary<string, string>(StringComparer.Ordinal);
for (var i = 0; i + 1 < args.Length; i += 2) options[args[i]] = args[i + 1];
var engine = options.GetValueOrDefault("--engine", "messagepack");
var kind = engine == "shared_memory" ? AllReduceEngine.SharedMemory : AllReduceEngine.Messagepack;
if (options.ContainsKey("--rank"))
{
    await RankProcess.ServeAsync(kind);
    return;
}

var (ranks, kills) = (int.Parse(options.GetValueOrDefault("--ranks", "3"), CultureInfo.InvariantCulture), int.Parse(options.GetValueOrDefault("--kills", "20"), CultureInfo.InvariantCulture));
var random = new Random(1);
var generation = 0;
var members = new List<RankLine>();
for (var i = 0; i < ranks; i++) members.Add(new RankLine(engine));
foreach (var member in members) member.Port = (int)member.Await("ready").First;
Form(null);
var (halted, formed, acted, joined, behind) = (new List<double>(), new List<double>(), new List<double>(), new List<double>(), 0);
for (var kill = 0; kill < kills; kill++)
{
    Thread.Sleep(random.Next(400, 900));
    var victim = members[random.Next(members.Count)];
    members.Remove(victim);
    var killedAt = Stopwatch.GetTimestamp();
    victim.Kill();
    var stops = members.ConvertAll(member => member.Await("halted"));
    var orderedAt = Stopwatch.GetTimestamp();
    var furthest = stops.Max(stop => stop.Second);
    var everybodyIsThere = stops.TrueForAll(stop => stop.Second == furthest);
    if (!everybodyIsThere) behind++;
    Form(everybodyIsThere ? null : stops.FindIndex(stop => stop.Second == furthest));
    var ups = members.ConvertAll(member => member.Await("formed"));
    var acts = members.ConvertAll(member => member.Await("acted"));
    halted.Add(Milliseconds(killedAt, stops.Max(stop => stop.Ticks)));
    formed.Add(Milliseconds(orderedAt, ups.Max(up => up.Ticks)));
    acted.Add(Milliseconds(killedAt, acts.Max(act => act.Ticks)));

    var joiner = new RankLine(engine);
    joiner.Port = (int)joiner.Await("ready").First;
    var haltedAt = Stopwatch.GetTimestamp();
    foreach (var member in members) member.Say("halt");
    stops = members.ConvertAll(member => member.Await("halted"));
    var source = stops.FindIndex(stop => stop.Second == stops.Max(other => other.Second));
    members.Add(joiner);
    Form(source);
    acts = members.ConvertAll(member => member.Await("acted"));
    joined.Add(Milliseconds(haltedAt, acts.Max(act => act.Ticks)));
}

foreach (var member in members) member.Kill();
Console.WriteLine(JsonSerializer.Serialize(new { engine, ranks, kills, behind, killed_to_halted_ms = Figures(halted), ordered_to_formed_ms = Figures(formed), killed_to_acted_ms = Figures(acted), join_halt_to_acted_ms = Figures(joined) }));

void Form(int? source)
{
    generation++;
    var ports = string.Join(',', members.Select(member => member.Port));
    for (var rank = 0; rank < members.Count; rank++) members[rank].Say(string.Create(CultureInfo.InvariantCulture, $"form {generation} {rank} {source ?? -1} {ports}"));
}

static double Milliseconds(long from, long to) => (to - from) * 1e3 / Stopwatch.Frequency;

static object Figures(List<double> values)
{
    values.Sort();
    return new { median = Math.Round(values[values.Count / 2], 1), p99 = Math.Round(values[(int)Math.Ceiling(0.99 * values.Count) - 1], 1), max = Math.Round(values[^1], 1) };
}
