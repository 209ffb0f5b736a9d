using System.Reflection;
using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Determinism;

namespace Vae.Tests.Unit.Wire;

/// <summary>Fills any record of the vocabulary with random values, so that a field that a codec forgets cannot hide behind its default.</summary>
internal sealed class RandomRecords(ulong seed)
{
    private readonly Prng _prng = new(seed);

    public object Make(Type type)
    {
        if (type == typeof(string)) return Text("abcxyz0189 é😀\n".EnumerateRunes().Select(r => r.ToString()).ToArray(), 12);
        if (type == typeof(bool)) return _prng.Chance(0.5);
        if (type == typeof(int)) return (int)Bits();
        if (type == typeof(long)) return Bits();
        if (type == typeof(ulong)) return (ulong)Bits();
        if (type == typeof(double)) return _prng.NextBelow(8) switch { 0 => double.NaN, 1 => double.NegativeInfinity, _ => BitConverter.Int64BitsToDouble(Bits()) };
        if (type == typeof(TimeSpan)) return new TimeSpan(Bits());
        if (type == typeof(NodeId)) return new NodeId(Text(["a", "z", "0", "9", "-"], 10) + "n");
        if (type == typeof(ActorId)) return new ActorId((NodeId)Make(typeof(NodeId)), Text(["a", "z", "0", "9", "-", "."], 20) + "a");
        if (type.IsEnum) return Enum.GetValues(type).GetValue(_prng.NextBelow(Enum.GetValues(type).Length))!;
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ValueList<>)) return MakeList(type.GetGenericArguments()[0]);
        if (type.IsAbstract) return Make(OneOf(Families.CasesOf(type)));
        return MakeRecord(type);
    }

    private object? MakeOptional(Type type, bool nullable)
    {
        var inner = Nullable.GetUnderlyingType(type);
        if ((nullable || inner is not null) && _prng.Chance(0.3)) return null;
        return Make(inner ?? type);
    }

    private object MakeRecord(Type type)
    {
        var nullability = new NullabilityInfoContext();
        var constructor = type.GetConstructors().OrderByDescending(c => c.GetParameters().Length).FirstOrDefault(c => c.GetParameters() is not [var only] || only.ParameterType != type)!;
        var arguments = constructor.GetParameters().Select(p => MakeOptional(p.ParameterType, nullability.Create(p).ReadState == NullabilityState.Nullable)).ToArray();
        var made = constructor.Invoke(arguments);
        var given = constructor.GetParameters().Select(p => p.Name).ToHashSet();
        foreach (var property in type.GetProperties().Where(p => p.CanWrite && !given.Contains(p.Name)))
        {
            property.SetValue(made, MakeOptional(property.PropertyType, nullability.Create(property).ReadState == NullabilityState.Nullable));
        }

        return made;
    }

    private object MakeList(Type item)
    {
        var items = Array.CreateInstance(item, _prng.NextBelow(4));
        for (var i = 0; i < items.Length; i++) items.SetValue(Make(item), i);
        return typeof(ValueList).GetMethod(nameof(ValueList.ToValueList))!.MakeGenericMethod(item).Invoke(null, [items])!;
    }

    // Short numbers and long ones alike: each width of the format must come up.
    private long Bits() => (long)_prng.Next() >> _prng.NextBelow(64);

    private string Text(string[] alphabet, int lengthMax) => string.Concat(Enumerable.Range(0, _prng.NextBelow(lengthMax)).Select(_ => alphabet[_prng.NextBelow(alphabet.Length)]));

    private Type OneOf(IReadOnlyList<Type> types) => types[_prng.NextBelow(types.Count)];
}

/// <summary>The closed families of the vocabulary, found by reflection.</summary>
internal static class Families
{
    public static IReadOnlyList<Type> CasesOf(Type family) =>
        [.. typeof(Message).Assembly.GetTypes().Where(t => !t.IsAbstract && t.IsAssignableTo(family)).OrderBy(t => t.FullName, StringComparer.Ordinal)];
}
